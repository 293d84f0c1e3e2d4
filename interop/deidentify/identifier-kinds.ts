/**
 * The eighteen identifiers of the Safe Harbor method, in the order of 45 CFR §164.514(b)(2)(i)(A)–(R), each with a word for reports. Narratives and
 * free text are counted apart: they are removed because any of the eighteen may stand in them.
 */
export const IDENTIFIER_KINDS = {
  name: 'names',
  geography: 'places smaller than a state',
  date: 'date elements but the year, and ages over 89',
  phone: 'telephone numbers',
  fax: 'fax numbers',
  email: 'electronic mail addresses',
  ssn: 'social security numbers',
  record: 'medical record numbers',
  plan: 'health plan beneficiary numbers',
  account: 'account numbers',
  licence: 'certificate and licence numbers',
  vehicle: 'vehicle identifiers',
  device: 'device identifiers and serial numbers',
  url: 'web addresses',
  ip: 'IP addresses',
  biometric: 'biometric identifiers',
  photo: 'full-face photographs and comparable images',
  other: 'any other unique number, characteristic or code',
  text: 'narratives and free text',
} as const

export type IdentifierKind = keyof typeof IDENTIFIER_KINDS

/** Types of an identifier by its code in HL7 v2 table 0203. */
const BY_TYPE: Readonly<Record<string, IdentifierKind>> = {
  SS: 'ssn', SSN: 'ssn', MR: 'record', MRN: 'record', PI: 'record', MB: 'plan', MC: 'plan', MA: 'plan', SN: 'plan', SB: 'plan', AN: 'account', BA: 'account', DL: 'licence', LN: 'licence', MD: 'licence', VIN: 'vehicle', SNO: 'device', UDI: 'device',
}

/** The kind of a FHIR Identifier, by its type, else by its system. */
export function identifierKind(typeCode: string | undefined, system: string | undefined): IdentifierKind {
  const byType = typeCode === undefined || !Object.hasOwn(BY_TYPE, typeCode) ? undefined : BY_TYPE[typeCode]
  if (byType !== undefined) return byType
  return system === 'http://hl7.org/fhir/sid/us-ssn' ? 'ssn' : 'other'
}

/** What a member of a resource holds, by its name. A name that is not here is judged by what stands in it. */
const BY_MEMBER: Readonly<Record<string, IdentifierKind>> = {
  name: 'name', family: 'name', given: 'name', prefix: 'name', suffix: 'name', alias: 'name', contact: 'name', mothersmaidenname: 'name',
  line: 'geography', city: 'geography', district: 'geography', county: 'geography', postalcode: 'geography', latitude: 'geography', longitude: 'geography', position: 'geography', geolocation: 'geography', birthplace: 'geography',
  telecom: 'phone', phone: 'phone', telephone: 'phone', mobile: 'phone', fax: 'fax', email: 'email', mail: 'email',
  ssn: 'ssn', socialsecuritynumber: 'ssn', mrn: 'record', medicalrecordnumber: 'record', subscriberid: 'plan', beneficiary: 'plan', memberid: 'plan', account: 'account', accountnumber: 'account',
  licence: 'licence', license: 'licence', passport: 'licence', vin: 'vehicle', licenseplate: 'vehicle',
  udi: 'device', udicarrier: 'device', deviceidentifier: 'device', distinctidentifier: 'device', serialnumber: 'device', lotnumber: 'device', ipaddress: 'ip', ip: 'ip', photo: 'photo',
  id: 'other', identifier: 'other', reference: 'other', uuid: 'other', guid: 'other', patientid: 'other',
  div: 'text', text: 'text', note: 'text', comment: 'text', comments: 'text', description: 'text', conclusion: 'text', valuestring: 'text', patientinstruction: 'text', data: 'text', narrative: 'text',
  // Columns of flat tables.
  firstname: 'name', lastname: 'name', fullname: 'name', surname: 'name', maidenname: 'name', street: 'geography', address: 'geography', zip: 'geography', zipcode: 'geography', postcode: 'geography', town: 'geography',
}

/** The kind that a member or column of that name holds; case, `_`, `-` and blanks do not count. */
export function kindOfMember(name: string): IdentifierKind | undefined {
  const key = name.toLowerCase().replace(/[^a-z0-9]/g, '')
  return Object.hasOwn(BY_MEMBER, key) ? BY_MEMBER[key] : undefined
}
