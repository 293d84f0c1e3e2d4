import { SYSTEM } from './codings.ts'

/**
 * Which codes make a resource sensitive, and how. Sensitivity categories are those of HL7 v3 ActCode (`_ActInformationSensitivityPolicy`) that
 * IHE Privacy Consent on FHIR asks for, and the reproductive ones.
 * The list is a start, not a terminology service: it covers what Synthea generates and the commonest codes besides. A consortium extends it by
 * labelling resources itself (`meta.security`), which always counts.
 */
export type Sensitivity = 'HIV' | 'STD' | 'SUD' | 'ETHUD' | 'OPIOIDUD' | 'PSY' | 'MH' | 'COGN' | 'SEX' | 'PREGNANT' | 'SDV' | 'GDIS' | 'SCA'

/** The confidentiality level that each category asks for: `R` restricted, `V` very restricted (HL7 v3 Confidentiality). */
export const LEVEL_BY_SENSITIVITY: Readonly<Record<Sensitivity, 'R' | 'V'>> = {
  HIV: 'V', STD: 'R', SUD: 'V', ETHUD: 'V', OPIOIDUD: 'V', PSY: 'R', MH: 'R', COGN: 'R', SEX: 'R', PREGNANT: 'R', SDV: 'V', GDIS: 'R', SCA: 'R',
}

/** ActCode labels as they may stand in `meta.security`; broader codes are read as the category they contain. */
export const SENSITIVITY_BY_LABEL: Readonly<Record<string, Sensitivity>> = {
  HIV: 'HIV', STD: 'STD', SUD: 'SUD', ETH: 'SUD', ETHUD: 'ETHUD', OPIOIDUD: 'OPIOIDUD', PSY: 'PSY', PSYTHPN: 'PSY', MH: 'MH', BH: 'MH', EMOTDIS: 'MH',
  COGN: 'COGN', DVD: 'COGN', SEX: 'SEX', SEXNOTE: 'SEX', PREGNANT: 'PREGNANT', SDV: 'SDV', VIO: 'SDV', GDIS: 'GDIS', SCA: 'SCA',
}

type CodesOfSystem = Readonly<Partial<Record<Sensitivity, readonly string[]>>>

const CODES: Readonly<Record<string, CodesOfSystem>> = {
  [SYSTEM.snomed]: {
    HIV: ['86406008', '62479008', '91947003', '165816005', '171121004'],
    STD: ['15628003', '76272004', '240589008', '8098009', '33839006'],
    ETHUD: ['7200002', '66590003', '15167005', '191811004'],
    OPIOIDUD: ['75544000', '5602001', '55680006'],
    SUD: ['191816009', '6525002', '66214007', '26416006', '361055000'],
    PSY: ['58214004', '13746004', '69322001', '191736004'],
    MH: [
      '35489007', '370143000', '36923009', '197480006', '47505003', '48694002', '21897009', '371631005', '192127007', '406506008', '386522008',
      '171207006', '82313006', '225444004',
    ],
    COGN: ['230265002', '26929004', '52448006', '386257007', '386806002', '110359009'],
    SEX: [
      '46706006', '65200003', '169553002', '301807007', '287664005', '10383002', '714812005', '386394001', '5880005', '22523008', '702927004',
    ],
    PREGNANT: ['72892002', '19169002', '252160004', '169230002', '424441002', '424619006', '79586000', '35999006', '398254007', '77386006'],
    SDV: ['706893006', '371772001', '397940009', '95930005'],
    GDIS: ['190905008', '58756001', '41040004'],
    SCA: ['417357006', '127040003', '16402000'],
  },
  [SYSTEM.loinc]: {
    HIV: ['7917-8', '75622-1', '20447-9', '25836-8', '56888-1', '29893-5'],
    STD: ['21613-5', '24111-7', '20507-0', '43304-5'],
    SUD: ['82667-7', '3426-4', '3397-7', '19659-2'],
    ETHUD: ['75626-2', '5640-8', '5643-2'],
    OPIOIDUD: ['3879-4', '8220-6'],
    MH: ['44261-6', '55758-7', '70274-6', '69737-5', '44249-1'],
    COGN: ['72106-8', '72172-0'],
    PREGNANT: ['2106-3', '2118-8', '82810-3', '11884-4'],
    SDV: ['76504-0', '76499-3'],
    GDIS: ['21636-6', '21639-0', '21640-8'],
    SCA: ['4625-0'],
  },
  [SYSTEM.rxnorm]: {
    COGN: ['997223', '998582', '997229', '996740'],
    MH: ['1091392', '312938', '312940', '312941', '310384', '310385'],
    SEX: ['389221', '751905', '748962', '1605257', '1000156', '757594', '749762', '748856', '807283', '831533', '749785', '748879', '978950'],
    OPIOIDUD: ['1010600', '352364', '351266', '351267'],
    HIV: ['2120107', '1747691', '1486838'],
  },
  // HPV vaccine (62, 165) and hepatitis B (08, 43) are given to everybody of an age and say nothing about a person: not listed.
}

/** ICD-10-CM is hierarchical in its text, so prefixes say it all; the longest matching prefix wins. */
export const ICD10_PREFIXES: readonly (readonly [string, Sensitivity])[] = [
  ['B20', 'HIV'], ['Z21', 'HIV'], ['R75', 'HIV'], ['O98.7', 'HIV'],
  ['A5', 'STD'], ['A60', 'STD'], ['A63', 'STD'], ['A64', 'STD'],
  ['F10', 'ETHUD'], ['F11', 'OPIOIDUD'], ['F12', 'SUD'], ['F13', 'SUD'], ['F14', 'SUD'], ['F15', 'SUD'], ['F16', 'SUD'], ['F18', 'SUD'], ['F19', 'SUD'],
  ['F0', 'COGN'], ['G30', 'COGN'], ['F2', 'PSY'], ['F30', 'PSY'], ['F31', 'PSY'], ['F3', 'MH'], ['F4', 'MH'], ['F5', 'MH'], ['F6', 'MH'], ['F9', 'MH'],
  ['O0', 'PREGNANT'], ['Z33', 'PREGNANT'], ['Z34', 'PREGNANT'], ['O04', 'SEX'], ['Z33.2', 'SEX'], ['Z30', 'SEX'], ['Z31', 'SEX'],
  ['T74', 'SDV'], ['T76', 'SDV'], ['Y07', 'SDV'], ['Z15', 'GDIS'], ['D57', 'SCA'],
]

/** Exact codes, flattened once: `system|code` → category. */
export const SENSITIVITY_BY_CODE: ReadonlyMap<string, Sensitivity> = new Map(
  Object.entries(CODES).flatMap(([system, categories]) =>
    (Object.entries(categories) as [Sensitivity, readonly string[]][]).flatMap(([category, codes]) =>
      codes.map((code) => [`${system}|${code}`, category] as const),
    ),
  ),
)
