import { compareBytes } from '../../primitives/bytes.ts'
import { PPM, selectionLeaf } from '../../primitives/calls/anonymization.ts'
import type { ReleaseFigures, SelectedPerson } from '../../primitives/calls/anonymization.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { hash } from '../../primitives/hash.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { rationalToText } from './kernel/index.ts'
import type { DatasetDefinition, Rational, Release } from './kernel/index.ts'
import { definitionForm } from './definition-forms.ts'
import { definitionSchema, DOCUMENT_LIMITS, documentSchema } from './release-format.ts'
import type { ReleaseDocument } from './release-format.ts'
import { releaseForm } from './release-forms.ts'

/** What the ledger's `definition` is the hash of. */
export function definitionHash(definition: DatasetDefinition): Uint8Array {
  return hash('dataset-definition', encode(definitionSchema, definitionForm(definition)))
}

/** Persons in the order of their leaves, and the salted root over them that `select` puts on the ledger (RFC 9162). */
export function sealSelection(persons: readonly SelectedPerson[]): { readonly persons: readonly SelectedPerson[]; readonly root: Uint8Array } {
  const leaves = persons.map((person) => ({ person, leaf: selectionLeaf(person) })).sort((a, b) => compareBytes(a.leaf, b.leaf))
  return { persons: leaves.map(({ person }) => person), root: merkleRoot(leaves.map(({ leaf }) => leaf)) }
}

export interface DocumentParts {
  readonly request: Uint8Array
  readonly definition: DatasetDefinition
  readonly release: Release
  /** Per contributing member, ascending, its persons as `sealSelection` ordered them. */
  readonly selections: readonly { readonly member: number; readonly persons: readonly SelectedPerson[] }[]
  readonly places?: readonly number[] | undefined
}

/** The document that members check, and its hash for the ledger. It names persons by account: it goes to members alone, never to the recipient. */
export function makeDocument({ request, definition, release, selections, places }: DocumentParts): { readonly bytes: Uint8Array; readonly hash: Uint8Array } {
  const bytes = encode(documentSchema, { request, definition: definitionForm(definition), release: releaseForm(release), selections: selections.map(({ member, persons }) => ({ member, persons: persons.map((person) => ({ ...person })) })), places: places === undefined ? null : [...places] })
  return { bytes, hash: documentHash(bytes) }
}

export function documentHash(bytes: Uint8Array): Uint8Array {
  return hash('release-document', bytes)
}

/** Throws `CODEC_*` for what is no document in canonical bytes. */
export function readDocument(bytes: Uint8Array): ReleaseDocument {
  return decode(documentSchema, bytes, { maxBytes: DOCUMENT_LIMITS.bytesMax })
}

/** The figures that `release` puts on the ledger. */
export function figuresOf({ rowCount, suppressedCount, droppedCount, metrics }: Release): ReleaseFigures {
  return {
    rows: rowCount, classes: metrics.classCount, smallestClass: metrics.smallestClass, suppressed: suppressedCount, dropped: droppedCount, lossPpm: ppm(metrics.ncp, 'half-up'),
    prosecutorPpm: metrics.smallestClass === 0 ? 0 : ppm({ num: 1n, den: BigInt(metrics.smallestClass) }, 'up'),
  }
}

/** A share in millionths. */
export function ppm({ num, den }: Rational, rounding: 'half-up' | 'up'): number {
  const scaled = { num: num * BigInt(PPM), den }
  const rounded = BigInt(rationalToText(scaled, 0))
  return Number(rounding === 'up' && rounded * den < scaled.num ? rounded + 1n : rounded)
}
