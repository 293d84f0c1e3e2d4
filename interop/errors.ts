/** Codes of interop/: input from other systems that cannot be mapped. Code → what it means; what to do next. */
export const INTEROP_ERRORS = {
  FHIR_TOO_LARGE: 'a bundle or one of its resources is larger, deeper or longer than the limits allow; split it and import the parts',
  FHIR_NOT_JSON: 'the file is not one well-formed JSON value in UTF-8; details name the position',
  FHIR_NOT_A_BUNDLE: 'the file is JSON but not a FHIR R4 Bundle with an entry list; export it as a Bundle',
  FHIR_BAD_ENTRY: 'one entry of the bundle holds no resource that can be stored; details name its index and the rule it breaks',
} as const

export type InteropErrorCode = keyof typeof INTEROP_ERRORS
