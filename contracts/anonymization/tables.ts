import { array, fixedBytes, oneOf, struct, u32, u64 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { datasetTerms, releaseFigures, verdict } from '../../primitives/calls/anonymization.ts'
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

const attestation = struct({ verdict, height: u64 })
export type ReleaseAttestation = Infer<typeof attestation>

const challenge = struct({ seed: fixedBytes(32), height: u64 })
export type Challenge = Infer<typeof challenge>

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
/** (release, member) → that member's verdict. */
export const releaseAttestations = defineTable({ contract: 'anonymization', name: 'attestations', number: 6, key: [idPart, u32Part], value: attestation })
/** (data set, position from 0) → accepted release: the registry that later releases are held against. */
export const acceptedReleases = defineTable({ contract: 'anonymization', name: 'accepted', number: 7, key: [idPart, u32Part], value: fixedBytes(32) })
/** (data set, purpose, recipient member) → millionths of ε spent. */
export const budgets = defineTable({ contract: 'anonymization', name: 'budgets', number: 8, key: [idPart, purposePart, u32Part], value: u32 })
/** (answer, recipient member) → height at which it was paid for; asking again is free and gives the same answer. */
export const answers = defineTable({ contract: 'anonymization', name: 'answers', number: 9, key: [idPart, u32Part], value: u64 })
/** (release, member) → the seed that decides which rows the author opens to it. */
export const challenges = defineTable({ contract: 'anonymization', name: 'challenges', number: 10, key: [idPart, u32Part], value: challenge })
