import { array, boolean, fixedBytes, oneOf, struct, u32, u64 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { datasetTerms, overlapFigures, releaseFigures, verdict } from '../../primitives/calls/anonymization.ts'
import { purpose } from '../../primitives/calls/labels.ts'
import { PURPOSES } from '../../primitives/calls/purposes.ts'
import { defineTable, idPart, u32Part, wordPart } from '../runtime/table.ts'

const head = struct({ owner: u32, latest: u32, accepted: u32 })
export type DatasetHead = Infer<typeof head>

const request = struct({ dataset: fixedBytes(32), version: u32, requester: fixedBytes(32), member: u32, purpose, until: u64, contributors: array(u32, { max: 64 }), persons: u32, lastSelection: u64, release: fixedBytes(32) })
export type ReleaseRequest = Infer<typeof request>

const selection = struct({ persons: u32, selection: fixedBytes(32), original: fixedBytes(32), height: u64 })
export type Selection = Infer<typeof selection>

const release = struct({
  request: fixedBytes(32), dataset: fixedBytes(32), version: u32, author: u32, hash: fixedBytes(32), document: fixedBytes(32), readAtHeight: u64, figures: releaseFigures, height: u64, timeMs: u64,
  state: oneOf('open', 'accepted', 'refused'), sound: u32, faulty: u32,
})
export type Release = Infer<typeof release>

const attestation = struct({ verdict, height: u64, round: u32 })
export type ReleaseAttestation = Infer<typeof attestation>

const challenge = struct({ seed: fixedBytes(32), height: u64 })
export type Challenge = Infer<typeof challenge>
const registered = struct({ release: fixedBytes(32), dataset: fixedBytes(32), version: u32, k: u32, persons: u32, contributors: array(u32, { max: 64 }) })
export type Registered = Infer<typeof registered>

const comparison = struct({ compared: u32, round: u32 })
export type Comparison = Infer<typeof comparison>

const contribution = struct({ persons: u32, original: fixedBytes(32), height: u64 })
const sites = struct({ members: array(u32, { max: 64 }), closed: boolean })

/** Ordered by byte, as the list of purposes: the position of a purpose in keys. New purposes need a new table. */
const purposePart = wordPart(PURPOSES)

/** data set → owner, newest version, number of accepted releases. */
export const datasets = defineTable({ contract: 'anonymization', name: 'datasets', number: 1, key: [idPart], value: head })
/** (data set, version) → its terms. */
export const datasetVersions = defineTable({ contract: 'anonymization', name: 'versions', number: 2, key: [idPart, u32Part], value: datasetTerms })
/** request (= id of its transaction) → what was permitted, who has selected, the release that is undecided or accepted (zeros: none). Denied requests leave an event alone. */
export const releaseRequests = defineTable({ contract: 'anonymization', name: 'requests', number: 3, key: [idPart], value: request })
/** (request, member) → the salted roots of its selection. */
export const selections = defineTable({ contract: 'anonymization', name: 'selections', number: 4, key: [idPart, u32Part], value: selection })
/** release (= id of its transaction) → claims and verdict. */
export const releases = defineTable({ contract: 'anonymization', name: 'releases', number: 5, key: [idPart], value: release })
/** (release, member) → that member's verdict, and the round of comparisons it was given in: an earlier round's does not count. */
export const releaseAttestations = defineTable({ contract: 'anonymization', name: 'attestations', number: 6, key: [idPart, u32Part], value: attestation })
/** (data set, position from 0) → accepted release: the registry that later releases are held against. */
export const acceptedReleases = defineTable({ contract: 'anonymization', name: 'accepted', number: 7, key: [idPart, u32Part], value: fixedBytes(32) })
/** (data set, purpose, recipient member) → millionths of ε spent. */
export const budgets = defineTable({ contract: 'anonymization', name: 'budgets', number: 8, key: [idPart, purposePart, u32Part], value: u32 })
/** (answer, recipient member) → height at which it was paid for; asking again is free and gives the same answer. */
export const answers = defineTable({ contract: 'anonymization', name: 'answers', number: 9, key: [idPart, u32Part], value: u64 })
/** (release, member) → the seed that decides which rows the author opens to it. */
export const challenges = defineTable({ contract: 'anonymization', name: 'challenges', number: 10, key: [idPart, u32Part], value: challenge })
/** → number of accepted releases of all data sets. */
export const registrySize = defineTable({ contract: 'anonymization', name: 'registrySize', number: 11, key: [], value: u32 })
/** Position from 0 → an accepted release of any data set. A person's account belongs to one institution, so two releases can share persons only where they share a contributor. */
export const registry = defineTable({ contract: 'anonymization', name: 'registry', number: 12, key: [u32Part], value: registered })
/** release → how far down the registry it has been compared, and how often verdicts began anew because the registry grew. */
export const comparisons = defineTable({ contract: 'anonymization', name: 'comparisons', number: 13, key: [idPart], value: comparison })
/** (release, position in the registry, contributor to both) → hash of the contributor's part of their overlap. */
export const overlapParts = defineTable({ contract: 'anonymization', name: 'overlapParts', number: 14, key: [idPart, u32Part, u32Part], value: fixedBytes(32) })
/** (release, position in the registry) → what its author claims of their overlap. */
export const overlapClaims = defineTable({ contract: 'anonymization', name: 'overlapClaims', number: 15, key: [idPart, u32Part], value: overlapFigures })
/** (request, position in the registry) → height at which singling out beside that release was paid for. */
export const paidOverlaps = defineTable({ contract: 'anonymization', name: 'paidOverlaps', number: 16, key: [idPart, u32Part], value: u64 })
/** (data set, version, member) → what the member holds for aggregates. */
export const contributions = defineTable({ contract: 'anonymization', name: 'contributions', number: 17, key: [idPart, u32Part, u32Part], value: contribution })
/** (data set, version) → who answers aggregates, ascending; closed by the first question, so that every answer is of the same institutions. */
export const aggregateSites = defineTable({ contract: 'anonymization', name: 'sites', number: 18, key: [idPart, u32Part], value: sites })
