import { array, boolean, fixedBytes, oneOf, struct, u32, u64 } from '../codec.ts'
import type { Infer } from '../codec.ts'
import { u32Bytes } from '../bytes.ts'
import { hash } from '../hash.ts'
import { accountId, hash32, memberId, transactionId } from '../ids.ts'
import { purpose } from './labels.ts'

/** Shares stand as millionths, so that every node compares whole numbers. */
export const PPM = 1_000_000

/**
 * What members find when they check a release off the path of blocks: `sound`, or the first rule it breaks. `document`: the bytes do not have the hash;
 * `definition`: not the data set's; `selection`, `consent`, `original`: the persons or their rows are not those committed, or a consent does not carry it;
 * `rows`, `figures`: they do not give the claimed hash or counts; `hierarchy`, `policy`: a cell or class that the definition does not allow; `overlap`: the claimed
 * comparison with an earlier release is not what the contributors' parts give.
 */
export const VERDICTS = ['sound', 'document', 'definition', 'selection', 'consent', 'original', 'rows', 'figures', 'hierarchy', 'policy', 'overlap'] as const
export type Verdict = (typeof VERDICTS)[number]
export const verdict = oneOf(...VERDICTS)

/**
 * Who computes a release, and what members check beyond the release itself. `committee`: every member gets the contributors' rows and computes it again; `coded`: likewise, but the rows
 * leave their institution only after they were generalised to a level that the definition fixes; `owner`: the author alone sees rows, and opens as many random ones as `openings` says to
 * each member that asks; `joint`: no row leaves its institution, contributors add up masked counts.
 */
export const MODES = ['coded', 'committee', 'joint', 'owner'] as const
export type Mode = (typeof MODES)[number]
/** Rows that one member may have opened; more would tell too much about them. */
export const OPENINGS_MAX = 64

/** Noise of aggregates: discrete Laplace (ε-differential privacy) or discrete Gaussian (zero-concentrated, ρ = ε²/2), of each institution for itself (Canonne, Kamath, Steinke 2020). */
export const MECHANISMS = ['laplace', 'gaussian'] as const

/**
 * The policy of a data set as far as the ledger judges it; columns, roles and hierarchies stand in the document that `definition` is the hash of.
 * `k` ≥ 2; `suppressionPpm`, `prosecutorPpm` ≤ 1,000,000; `contributorsMin`: institutions whose persons a release needs.
 * `recipients`: members whose people may ask, strictly ascending. `budget`: millionths of ε that one recipient may spend on aggregates for one purpose.
 * `openings`: zero but in mode `owner`. `siteFloor`: zero but in mode `joint`, where every count of a contributor that others could infer is zero or at least this.
 */
export const datasetTerms = struct({
  definition: hash32, k: u32, suppressionPpm: u32, prosecutorPpm: u32, contributorsMin: u32, budget: u32,
  mode: oneOf(...MODES), openings: u32, siteFloor: u32,
  purposes: array(purpose, { min: 1, max: 16 }), recipients: array(memberId, { min: 1, max: 64 }),
})
export type DatasetTerms = Infer<typeof datasetTerms>

/** Counts of a release. `lossPpm` rounds half up; `prosecutorPpm` is 1 ÷ `smallestClass`, rounded up. */
export const releaseFigures = struct({ rows: u32, classes: u32, smallestClass: u32, suppressed: u32, dropped: u32, lossPpm: u32, prosecutorPpm: u32 })
export type ReleaseFigures = Infer<typeof releaseFigures>

/**
 * What somebody who holds two releases could single out: persons in both, the smallest set that shares its class in both, the smallest set of one class that left
 * or joined between them (0: there is none), and whether every class of the later release lies within one of the earlier. All zeros and `refines` when nobody is in both.
 */
export const overlapFigures = struct({ common: u32, smallestIntersection: u32, smallestLeft: u32, smallestJoined: u32, refines: boolean })
export type OverlapFigures = Infer<typeof overlapFigures>
/** Comparisons of one call at most. */
export const COMPARISONS_MAX = 64
/**
 * Millionths of the recipient's budget that a release costs for each earlier one with which it singles somebody out. A limit on how often that may happen, in the currency of
 * the budget; k-anonymity has no ε of its own (Ganta, Kasiviswanathan, Smith, KDD 2008).
 */
export const OVERLAP_PRICE = 1_000_000

/**
 * Arguments of the `anonymization` calls. `dataset`: 32 random bytes. `version` counts from 1. `selection`: salted root over the persons and the versions of
 * their consents (`selectionLeaf`), `original`: salted root over their rows as they were; both lists stay off the ledger. `release`: the kernel's hash of
 * rows, classes and figures; `document`: hash of everything that members check. `readAtHeight`: the newest block whose consents the author went by.
 * `contribute`: an institution will answer aggregates; `persons`: rows it holds, `original`: salted hash over them. `query`: `queryHash`.
 * `position`: of an earlier accepted release in the registry. `part`: salted hash of how many of a contributor's persons stand in which class of both releases.
 */
export const anonymizationCalls = {
  define: struct({ dataset: fixedBytes(32), version: u32, terms: datasetTerms }),
  request: struct({ dataset: fixedBytes(32), version: u32, purpose, detailsHash: hash32 }),
  select: struct({ request: transactionId, persons: u32, selection: hash32, original: hash32 }),
  release: struct({ request: transactionId, release: hash32, document: hash32, readAtHeight: u64, figures: releaseFigures }),
  /** `seed`: 32 random bytes, chosen after the release was claimed; they decide which rows the author opens to the caller. */
  challenge: struct({ release: transactionId, seed: fixedBytes(32) }),
  overlap: struct({ release: transactionId, position: u32, part: hash32 }),
  compare: struct({ release: transactionId, comparisons: array(struct({ position: u32, figures: overlapFigures }), { max: COMPARISONS_MAX }) }),
  attest: struct({ release: transactionId, verdict }),
  contribute: struct({ dataset: fixedBytes(32), version: u32, persons: u32, original: hash32 }),
  spend: struct({ dataset: fixedBytes(32), version: u32, purpose, query: hash32, mechanism: oneOf(...MECHANISMS), epsilon: u32 }),
} as const

export const anonymizationEvents = {
  defined: struct({ dataset: fixedBytes(32), version: u32, owner: memberId, definition: hash32 }),
  /** The decision is the audit entry, for permits and denials alike. `until`: block time at which a permit ends (exclusive, ms). */
  requested: struct({ request: transactionId, dataset: fixedBytes(32), version: u32, requester: accountId, purpose, decision: oneOf('permit', 'deny'), until: u64, detailsHash: hash32 }),
  selected: struct({ request: transactionId, member: memberId, persons: u32, selection: hash32, original: hash32 }),
  released: struct({ release: transactionId, request: transactionId, author: memberId, hash: hash32, document: hash32, figures: releaseFigures }),
  challenged: struct({ release: transactionId, member: memberId, seed: fixedBytes(32) }),
  /** Compared with all accepted releases below position `compared`, of the `registered`; `charged`: millionths of the budget that this call spent. */
  overlapped: struct({ release: transactionId, position: u32, member: memberId, part: hash32 }),
  compared: struct({ release: transactionId, compared: u32, registered: u32, charged: u32 }),
  attested: struct({ release: transactionId, member: memberId, verdict }),
  accepted: struct({ release: transactionId, dataset: fixedBytes(32), version: u32, author: memberId, hash: hash32 }),
  /** The author is named: it signed what the members found wrong. */
  refused: struct({ release: transactionId, dataset: fixedBytes(32), version: u32, author: memberId, verdict }),
  contributed: struct({ dataset: fixedBytes(32), version: u32, member: memberId, persons: u32, original: hash32 }),
  /** `sites`: the institutions that answer. `epsilon`: what the answer is worth; `charged`: what this call spent, nothing when the recipient had paid for it. */
  spent: struct({
    dataset: fixedBytes(32), version: u32, purpose, requester: accountId, recipient: memberId, owner: memberId, sites: array(memberId, { max: 64 }),
    query: hash32, mechanism: oneOf(...MECHANISMS), epsilon: u32, answer: hash32, charged: u32, left: u32,
  }),
} as const

/** Messages that one contributor may leave for a joint release. */
export const JOINT_MESSAGES_MAX = 4_096

/** Where the mailbox keeps a contributor's message number `sequence` (from 0). */
export function jointSection(member: number, sequence: number): number {
  return member * JOINT_MESSAGES_MAX + sequence
}

/** A person of a selection: random salt, the account, its consent and that consent's version. Without the salt nobody can look for a person. */
export interface SelectedPerson { readonly salt: Uint8Array; readonly account: Uint8Array; readonly consent: Uint8Array; readonly consentVersion: number }

/** Leaf of a selection's Merkle tree (RFC 9162), leaves ascending by bytes: hash over salt (32) ‖ account (32) ‖ consent (32) ‖ version (u32). */
export function selectionLeaf({ salt, account, consent, consentVersion }: SelectedPerson): Uint8Array {
  return hash('selection', salt, account, consent, u32Bytes(consentVersion))
}

/** What a site commits to by `contribute`: hash over a salt and its people with their rows, so that the table of a data-set version stays what it was. */
export function contributionHash(salt: Uint8Array, people: Uint8Array): Uint8Array {
  return hash('contribution', salt, people)
}

/** Leaf of the original rows' Merkle tree, leaves ascending by bytes: hash over salt (32) ‖ hash of the row's cells (32). */
export function originalLeaf(salt: Uint8Array, row: Uint8Array): Uint8Array {
  return hash('original-row', salt, row)
}

/** What one answer is known by: (data-set version, query, mechanism with its ε), never the request or the person that asks. Noise is keyed by it too, so asking again gives the same answer. */
export function answerKey({ dataset, version, query, mechanism, epsilon }: Pick<Infer<typeof anonymizationCalls.spend>, 'dataset' | 'version' | 'query' | 'mechanism' | 'epsilon'>): Uint8Array {
  return hash('aggregate', dataset, u32Bytes(version), query, Uint8Array.of(MECHANISMS.indexOf(mechanism)), u32Bytes(epsilon))
}
