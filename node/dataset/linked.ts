import { randomBytes } from 'node:crypto'
import type { SpentEvent } from '../../client/actions/ask-aggregate.ts'
import type { Client } from '../../client/create-client.ts'
import { planLinked } from '../../contracts/anonymization/linked-query.ts'
import type { DatasetDefinition } from '../../contracts/anonymization/kernel/index.ts'
import { contributions } from '../../contracts/anonymization/tables.ts'
import { equalBytes, toHex } from '../../primitives/bytes.ts'
import type { AggregateQuery } from '../../primitives/calls/aggregate-query.ts'
import { array, decode, encode, fixedBytes, optional, struct, u32, u64 } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { hash } from '../../primitives/hash.ts'
import { LINKAGE_ELEMENTS_MAX } from '../../privacy/linkage/mix.ts'
import type { EncryptedFiles } from '../../vault/encrypted-files.ts'
import { openLine } from './joint-line.ts'
import { linkedMessage } from './linked-voice.ts'
import { runLinked } from './linked-session.ts'
import type { RemoteState } from './remote-state.ts'

/**
 * What a site keeps of a question that links persons, under its answer: in which request it is answered, the seed of all its chance, which rows went in, and what came out. Neither rows nor noise
 * change when the site is cut off and begins again: two answers would otherwise show their difference.
 */
const kept = struct({ answer: fixedBytes(32), request: fixedBytes(32), seed: fixedBytes(32), startedAt: u64, rows: array(u32, { max: LINKAGE_ELEMENTS_MAX }), counts: optional(array(u32, { max: 64 })) })

/** After this a site says no more: the mailbox keeps messages for a day, and where they are gone others could say something else in their place. */
const SPEAKING_MS = 43_200_000

export interface LinkedSite {
  readonly member: number
  readonly store: EncryptedFiles
  readonly waitMs: number
  readonly onStage?: (stage: string) => void
  /** The contribution: its columns and rows. */
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Places of the rows whose persons' consent carries the purpose now; none when they are too few. */
  consenting(): Promise<readonly number[]>
}

/** Takes part in a question that links persons; all sites do at the same time. Returns what all of them counted. Throws `LINKED_ELSEWHERE`, `LINKED_EXPIRED`, `ANONYMIZATION_QUERY_INVALID`, and as `runLinked`. */
export async function countPersons(client: Client, state: RemoteState, { request, spent, query, definition }: { readonly request: Uint8Array; readonly spent: SpentEvent; readonly query: AggregateQuery; readonly definition: DatasetDefinition }, site: LinkedSite): Promise<readonly number[]> {
  const { sites, epsilon, answer, dataset, version } = spent
  const held = await Promise.all(sites.map(async (each) => (await state.read((reader) => reader.get(contributions, dataset, version, each)))?.persons ?? 0))
  const size = Math.max(...held)
  const { column, isMeant } = planLinked(query, definition, spent, { sites: sites.length, size })
  const found = await site.store.get(answer)
  const known = found === undefined ? undefined : decode(kept, found)
  if (known !== undefined && known.counts !== null) return known.counts
  const elsewhere = known !== undefined && !equalBytes(known.request, request)
  if (elsewhere) throw new SteleError({ code: 'LINKED_ELSEWHERE', message: 'this answer is being counted for another question already', details: { question: toHex(known.request) } })
  if (known !== undefined && BigInt(Date.now()) - known.startedAt > SPEAKING_MS) throw new SteleError({ code: 'LINKED_EXPIRED', message: 'this question was not answered in time', details: { startedAt: new Date(Number(known.startedAt)).toISOString() } })
  const begun = known ?? { answer, request, seed: new Uint8Array(randomBytes(32)), startedAt: BigInt(Date.now()), rows: (await site.consenting()).filter((at) => isMeant(site.columns, site.rows[at]!)), counts: null }
  if (known === undefined) await site.store.put(answer, encode(kept, begun))
  const place = site.columns.indexOf(column)
  const counts = await runLinked({
    line: await openLine(client, state, request, site.member, linkedMessage), sites, context: hash('linkage', client.chain.id, request, answer), size, epsilon, seed: begun.seed, waitMs: site.waitMs,
    names: begun.rows.map((at) => site.rows[at]![place]!.trim().normalize('NFC')), ...(site.onStage && { onStage: site.onStage }),
  })
  await site.store.put(answer, encode(kept, { ...begun, counts }))
  return counts
}
