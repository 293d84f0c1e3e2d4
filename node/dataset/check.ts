import type { Client } from '../../client/create-client.ts'
import { readDocument } from '../../contracts/anonymization/document.ts'
import type { Evidence } from '../../contracts/anonymization/evidence.ts'
import type { Reader } from '../../contracts/index.ts'
import { judgeOverlaps } from '../../contracts/anonymization/judge-overlaps.ts'
import type { OverlapFiles } from '../../contracts/anonymization/judge-overlaps.ts'
import { judgeRelease } from '../../contracts/anonymization/judge.ts'
import type { Judgement } from '../../contracts/anonymization/judge.ts'
import { challenges, datasetVersions, releaseRequests, releases, selections } from '../../contracts/anonymization/tables.ts'
import type { Release as LedgerRelease } from '../../contracts/anonymization/tables.ts'
import { consents } from '../../contracts/consent/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { demandFiles } from './overlaps.ts'
import { remoteState } from './remote-state.ts'
import type { RemoteState } from './remote-state.ts'

/**
 * Checks a claimed release as a member: reads the state by proofs and judges; a sound one is held against earlier ones of the same persons. Throws `DATASET_NOT_FOUND`,
 * `DATASET_EVIDENCE_ABSENT` when the mode of the data set asks for more than was given, `DATASET_FILE_MISSING` when an earlier release does, CLIENT_*, PROOF_*.
 */
export async function judgeRemotely(client: Client, release: Uint8Array, document: Uint8Array, evidence: Evidence, files: OverlapFiles): Promise<Judgement> {
  const state = remoteState(client)
  const claimed = await state.soon((reader) => reader.get(releases, release))
  if (claimed === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the ledger knows no release like that, or it is not final yet', details: { release: toHex(release) }, retryable: true })
  await demandEvidence(state, release, claimed, evidence)
  await state.prefetch([...(await ledgerKeys(state, claimed)), ...personKeys(document)])
  const judged = (await state.read((reader) => judgeRelease(reader, release, document, evidence)))!
  if (judged.verdict !== 'sound') return judged
  // A node that is a moment behind must not make its member blame the author.
  const judge = (reader: Reader): ReturnType<typeof judgeOverlaps> => judgeOverlaps(reader, release, document, files)
  const overlaps = (await state.soon((reader) => {
    const all = judge(reader)
    return all !== undefined && ('needs' in all || all.verdict === 'sound') ? all : undefined
  }) ?? await state.read(judge))!
  if ('needs' in overlaps) demandFiles(overlaps.needs)
  return 'needs' in overlaps ? judged : overlaps
}

/** A member that lacks its evidence says so; it must not blame the author. */
async function demandEvidence(state: RemoteState, release: Uint8Array, { dataset, version, author, request }: LedgerRelease, { member, rows, openings, joint }: Evidence): Promise<void> {
  const { mode, openings: count, isContributor, challenge } = await state.read((reader) => ({
    ...reader.get(datasetVersions, dataset, version)!, isContributor: reader.get(releaseRequests, request)!.contributors.includes(member), challenge: reader.get(challenges, release, member),
  }))
  const absent = (wanted: string): SteleError => new SteleError({ code: 'DATASET_EVIDENCE_ABSENT', message: 'the mode of the data set asks for more than the document', details: { mode, wanted } })
  if ((mode === 'committee' || mode === 'coded') && rows === undefined) throw absent('--rows of every contributor')
  if (mode === 'owner' && count > 0 && member !== author && challenge === undefined) throw absent('stele dataset challenge, then --openings from the author')
  if (mode === 'owner' && count > 0 && member !== author && openings === undefined) throw absent('--openings from the author')
  if (mode === 'joint' && isContributor && joint === undefined) throw absent('--joint, what this institution computed with the others')
}

async function ledgerKeys(state: RemoteState, { dataset, version, request }: LedgerRelease): Promise<Uint8Array[]> {
  const { contributors } = await state.read((reader) => reader.get(releaseRequests, request)!)
  return [datasetVersions.keyOf(dataset, version), ...contributors.map((member) => selections.keyOf(request, member))]
}

/** Keys of the persons that a document names; none when it cannot be read, which the judgement then says. */
function personKeys(document: Uint8Array): Uint8Array[] {
  try {
    return readDocument(document).selections.flatMap(({ persons }) => persons.flatMap(({ account, consent }) => [accounts.keyOf(account), consents.keyOf(consent)]))
  } catch (error) {
    if (error instanceof SteleError) return []
    throw error
  }
}
