/** Codes of interop/: input from other systems that cannot be mapped. Code → what it means; what to do next. */
export const INTEROP_ERRORS = {
  FHIR_TOO_LARGE: 'a bundle or one of its resources is larger, deeper or longer than the limits allow; split it and import the parts',
  FHIR_NOT_JSON: 'the file is not one well-formed JSON value in UTF-8; details name the position',
  FHIR_NOT_A_BUNDLE: 'the file is JSON but not a FHIR R4 Bundle with an entry list; export it as a Bundle',
  FHIR_BAD_ENTRY: 'one entry of the bundle holds no resource that can be stored; details name its index and the rule it breaks',

  CSV_MALFORMED: 'a table breaks the rules of CSV (RFC 4180); details name line, column and rule. Export it again, with cells that hold separators, quotes or line breaks in quotes',
  CSV_TOO_LARGE: 'a table has more columns or rows, or a longer cell or line, than the limits allow; details name line, column and rule. An endless line is often a wrong file',
  CSV_NOT_TEXT: 'a table is no UTF-8 text; details name the line. Convert it, for instance with iconv',

  DEIDENTIFY_MAPPING: 'the mapping cannot be read; details name member or column and the rule',
  DEIDENTIFY_UNSAFE: 'a column of the mapping would carry one of the eighteen Safe Harbor identifiers out; details name column, kind and rule. Nothing was read',
  DEIDENTIFY_DUPLICATE: 'a person appears twice in the sources; details name where. Remove one, or keep the first with --duplicates first',
} as const

export type InteropErrorCode = keyof typeof INTEROP_ERRORS
