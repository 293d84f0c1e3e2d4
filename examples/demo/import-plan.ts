import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SteleError } from '../../primitives/error.ts'
import { readBundle, type FhirResource } from '../../interop/fhir/bundle.ts'
import { generateBundles } from '../../interop/fhir/generator.ts'
import { INSTITUTIONS } from './people.ts'

/** One subject of the demo with the resources to store: a patient, or a file of hospitals or practitioners that belongs to no patient. */
export interface Subject {
  /** For people: the file's name without its extension, or a number for generated ones. */
  readonly label: string
  readonly kind: 'patient' | 'directory'
  /** Number of the member that is custodian; patients go round the institutions that treat (all but the last). */
  readonly member: number
  readonly resources: readonly FhirResource[]
}

export const GENERATED = { seed: 20_261_121, patients: 4 } as const

/** Reads every `*.json` bundle of a directory, by name. Throws FHIR_* with the file's name in the details. */
export function planFromDirectory(directory: string): Subject[] {
  const files = readdirSync(directory).filter((name) => name.endsWith('.json')).sort()
  return assign(files.map((name) => ({ label: name.replace(/\.json$/, ''), resources: readNamed(directory, name) })))
}

function readNamed(directory: string, name: string): FhirResource[] {
  try {
    return readBundle(readFileSync(join(directory, name)))
  } catch (error) {
    if (!(error instanceof SteleError)) throw error
    throw new SteleError({ code: error.code, message: error.message, details: { ...error.details, file: name }, cause: error })
  }
}

/** The default: patients from the project's own seeded generator. */
export function planFromGenerator({ seed, patients }: { readonly seed: number; readonly patients: number } = GENERATED): Subject[] {
  return assign(generateBundles(seed, patients).map((bundle, index) => ({ label: `patient ${index + 1}`, resources: readBundle(bundle) })))
}

/** How many patients and resources a plan holds, for the closing table. */
export function countPlan(plan: readonly Subject[]): { readonly patients: number; readonly resources: number; readonly sensitive: number } {
  const resources = plan.flatMap((subject) => subject.resources)
  return { patients: plan.filter(({ kind }) => kind === 'patient').length, resources: resources.length, sensitive: resources.filter(({ sensitivities }) => sensitivities.length > 0).length }
}

function assign(bundles: readonly { readonly label: string; readonly resources: readonly FhirResource[] }[]): Subject[] {
  const custodians = INSTITUTIONS.length - 1
  return bundles.map(({ label, resources }, index) => {
    const kind = resources.some(({ resourceType }) => resourceType === 'Patient') ? 'patient' : 'directory'
    return { label, kind, member: 1 + (index % custodians), resources }
  })
}
