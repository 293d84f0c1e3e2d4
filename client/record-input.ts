import { isWithinConfidentiality, TAGS_PER_SECTION, type CoarseClass, type Confidentiality, type Provenance, type RegisterArgs, type Section } from '../primitives/calls/index.ts'
import type { Random } from '../primitives/ports.ts'
import { rootOfHashes } from '../primitives/merkle.ts'
import { encryptSection, type ByteStream } from '../privacy/encrypt-section.ts'
import { createSectionSecret, type SectionKey, type SectionPlace } from '../privacy/section-format.ts'
import { padTags, type TagDictionary, type TagMeaning } from '../privacy/tags.ts'
import type { CipherSpool } from './cipher-spool.ts'
import { clientError } from './errors.ts'

/** One section to be stored: its bytes in clear, its labels on the ledger, and what its tags say. */
export interface SectionInput {
  readonly plaintext: Uint8Array | ByteStream
  readonly class: CoarseClass
  readonly confidentiality: Confidentiality
  /** For example type and code; at most 64 in all, padded to a multiple of 16. */
  readonly meanings: readonly TagMeaning[]
}

/** A record version as its custodian hands it over. */
export interface RecordInput {
  /** The patient's account of this relation. */
  readonly subject: Uint8Array
  /** Dictionary of the relation between patient and custodian. */
  readonly tags: TagDictionary
  /** What the verb `query` opens: a short description in clear, encrypted as section 0. It carries the labels of the most sensitive section and all tags. */
  readonly descriptor: Uint8Array
  /** Contents, as sections 1, 2, … */
  readonly sections: readonly SectionInput[]
  /** Members that hold the keys. */
  readonly custodians: readonly number[]
  readonly provenance: {
    readonly activity: Provenance['activity']
    readonly author: { readonly system: string; readonly value: string }
    readonly source: { readonly system: string; readonly value: string }
    readonly recordedAtMs: number
  }
  /** 32 random bytes, fresh unless a further version of a known record is stored. */
  readonly record?: Uint8Array
  /** From 1. */
  readonly version?: number
}

/** A record encrypted and labelled, not yet stored. `keys[i]` opens section i: keep them before anything is uploaded. */
export interface PreparedRecord {
  readonly register: Omit<RegisterArgs, 'receipts'>
  readonly chunkRoots: readonly Uint8Array[]
  readonly keys: readonly SectionKey[]
}

/** Encrypts every section into the spool under fresh keys. Throws `CLIENT_RECORD_INVALID`, SECTION_*, TAG_*. */
export async function prepareRecord(input: RecordInput, spool: CipherSpool, random: Random): Promise<PreparedRecord> {
  checkInput(input)
  const { subject, tags, custodians, version = 1, record = random.bytes(32) } = input
  const inputs = [describe(input), ...input.sections]
  inputs.forEach(({ meanings }, section) => {
    if (meanings.length > TAGS_PER_SECTION.max) throw clientError('CLIENT_RECORD_INVALID', { details: { field: `sections[${section}].meanings`, rule: `must be at most ${TAGS_PER_SECTION.max}` } })
  })
  const sections: Section[] = []
  const keys: SectionKey[] = []
  const chunkRoots: Uint8Array[] = []
  for (const [index, section] of inputs.entries()) {
    const { onLedger, key, chunkRoot } = await encryptInto(spool, { record, version, section: index }, section, random)
    const own = section.meanings.map((meaning) => tags.add(meaning))
    sections.push({ ...onLedger, class: section.class, confidentiality: section.confidentiality, tags: padTags(own, random), capsule: new Uint8Array(0) })
    keys.push(key)
    chunkRoots.push(chunkRoot)
  }
  const { activity, author, source, recordedAtMs } = input.provenance
  const provenance = { activity, author: tags.add({ kind: 'author', ...author }), source: tags.add({ kind: 'source', ...source }), recordedAt: BigInt(recordedAtMs) }
  return { register: { record, version, subject, sections, custodians: [...new Set(custodians)].sort((a, b) => a - b), provenance }, chunkRoots, keys }
}

async function encryptInto(spool: CipherSpool, place: SectionPlace, { plaintext }: SectionInput, random: Random) {
  const encryption = encryptSection(place, createSectionSecret(random), plaintext instanceof Uint8Array ? [plaintext] : plaintext)
  let index = 0
  for await (const chunk of encryption.chunks) await spool.put(place.section, index++, chunk)
  const { commitment, blob, size, chunkHashes, sectionKey } = encryption.result()
  return { onLedger: { commitment, blob, size }, key: sectionKey, chunkRoot: rootOfHashes(chunkHashes) }
}

/** Section 0. Whoever may query it learns what kind of thing the record is, so it is as closed as the most closed section. */
function describe({ descriptor, sections }: RecordInput): SectionInput {
  const highest = sections.reduce((a, b) => (isWithinConfidentiality(b.confidentiality, a.confidentiality) ? a : b))
  const meanings = new Map(sections.flatMap((section) => section.meanings.map((meaning) => [`${meaning.kind}\0${meaning.system}\0${meaning.value}`, meaning] as const)))
  return { plaintext: descriptor, class: highest.class, confidentiality: highest.confidentiality, meanings: [...meanings.values()] }
}

function checkInput({ sections, custodians, version = 1, record }: RecordInput): void {
  const refuse = (field: string, rule: string): never => { throw clientError('CLIENT_RECORD_INVALID', { details: { field, rule } }) }
  if (sections.length < 1 || sections.length > 63) refuse('sections', 'must be 1 to 63, the descriptor not counted')
  if (custodians.length < 1) refuse('custodians', 'must name at least one member')
  if (!Number.isInteger(version) || version < 1) refuse('version', 'must be an integer from 1')
  if (record !== undefined && record.length !== 32) refuse('record', 'must be 32 bytes')
  if (version > 1 && record === undefined) refuse('record', 'must be named for a further version')
}
