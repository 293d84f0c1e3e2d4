import { blockHashOf, decodeHeader } from '../primitives/block.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Certificate } from '../primitives/certificate.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import type { Ledger } from '../state/ledger.ts'
import { openBlock } from './block-check.ts'
import type { OpenedBlock } from './block-check.ts'
import { firstDifference } from './diagnose.ts'
import type { RecentWrites } from './recent-writes.ts'
import { BlockSource, signedHeaderAt } from './sync-blocks.ts'
import type { SignedHeader } from './sync-blocks.ts'

/** Entries after the last common block among which the other one's block is looked for; only no-ops of elections stand between. */
const ENTRIES_LOOKED_AT = 256

/** Where the history of this node and that of a member part. Fields that could not be found out are absent. */
export interface Parting {
  /** First block that differs. */
  readonly height: number
  /** Fields in which the two headers differ. */
  readonly fields: readonly (keyof BlockHeader)[]
  /** First transaction that differs: its position, the id here and the id there; null where one block has none at this position. Absent when both hold the same. */
  readonly position?: number
  readonly transaction?: string | null
  readonly theirTransaction?: string | null
  /** First state key written by this node's block, or by later ones, under which the member holds something else. */
  readonly key?: string
  readonly askedNode: number
  readonly askedHeight?: number
  /** The signed headers of the first different block, the one here and the one there: evidence when one leader signed both in one term. */
  readonly headers: { readonly first: SignedHeader; readonly second: SignedHeader }
}

export interface PartingPorts {
  readonly chain: Uint8Array
  readonly ledger: Ledger
  readonly sync: Pick<SyncProtocol, 'request' | 'stream'>
  /** Highest height at which this node's own history is certified. */
  readonly finalHeight: () => number
  readonly recent: Pick<RecentWrites, 'from'>
  readonly logger: Logger
}

/** Asks those who attested, one after the other, until one tells where this node's history parts from theirs; undefined when none can. Rejects when `signal` aborts. */
export async function findParting(ports: PartingPorts, certificate: Certificate, signal: AbortSignal): Promise<Parting | undefined> {
  const height = Number(certificate.content.height)
  for (const { node } of certificate.signatures) {
    try {
      const parting = await partingFrom(ports, node, height, signal)
      if (parting !== undefined) return parting
    } catch (error) {
      // One that cannot be reached, or answers nonsense: the next one is asked.
      if (!(error instanceof SteleError)) throw error
      ports.logger.warn({ code: error.code, node, height }, 'a member could not tell where this node differs')
    }
  }
  return undefined
}

async function partingFrom(ports: PartingPorts, node: number, certified: number, signal: AbortSignal): Promise<Parting | undefined> {
  const { chain, ledger, sync, finalHeight, recent } = ports
  const source = new BlockSource(sync, [node])
  const height = await firstDifferent(ports, source, node, Math.min(finalHeight(), certified - 1), certified, signal)
  const [own, theirHeader] = [ownBlock(ledger, chain, height), await source.header(node, height, signal)]
  if (own === undefined || theirHeader === undefined) return undefined
  const theirs = decodeHeader(theirHeader.header)
  const fields = (Object.keys(own.header) as (keyof BlockHeader)[]).filter((field) => !equalValues(own.header[field], theirs[field]))
  const block = await fetchBlock(ports, source, node, height, blockHashOf(chain, theirHeader.header), signal)
  const difference = await firstDifference(recent.from(height), node, sync, signal)
  const headers = { first: { header: own.envelope.header, signature: own.envelope.signature }, second: theirHeader }
  return {
    height, headers, fields, ...(block !== undefined && differingTransaction(chain, own, block)), askedNode: node,
    ...(difference !== undefined && { key: difference.key, askedHeight: difference.askedHeight }),
  }
}

/** Histories that part stay apart, since each header names its parent: the first different one is found by halving. `common`: equal; `different`: not. */
async function firstDifferent({ ledger }: PartingPorts, source: BlockSource, node: number, common: number, different: number, signal: AbortSignal): Promise<number> {
  let [low, high] = [common, different]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const [own, theirs] = [signedHeaderAt(ledger, middle), await source.header(node, middle, signal)]
    if (own !== undefined && theirs !== undefined && equalBytes(own.header, theirs.header)) low = middle
    else high = middle
  }
  return high
}

function ownBlock(ledger: Ledger, chain: Uint8Array, height: number): OpenedBlock | undefined {
  const index = ledger.indexOfHeight(height)
  const entry = index === undefined ? undefined : ledger.entry(index)
  return entry === undefined || entry.data.length === 0 ? undefined : openBlock(entry.data, chain)
}

/** The member's block with this hash, which stands a few entries above the last common one. */
async function fetchBlock({ chain, ledger }: PartingPorts, source: BlockSource, node: number, height: number, hash: Uint8Array, signal: AbortSignal): Promise<OpenedBlock | undefined> {
  const below = height === 1 ? 0 : ledger.indexOfHeight(height - 1)
  if (below === undefined) return undefined
  const places = await source.placed(node, below + 1, below + ENTRIES_LOOKED_AT, signal)
  const at = places.find((place) => equalBytes(place.hash, hash))
  if (at === undefined) return undefined
  for await (const { data } of source.entries(node, at.index, at.index, signal)) {
    const opened = openBlock(data, chain)
    return equalBytes(blockHashOf(chain, opened.envelope.header), hash) ? opened : undefined
  }
  return undefined
}

function differingTransaction(chain: Uint8Array, own: OpenedBlock, theirs: OpenedBlock): Pick<Parting, 'position' | 'transaction' | 'theirTransaction'> {
  const [ours, others] = [own.envelope.transactions, theirs.envelope.transactions]
  for (let position = 0; position < Math.max(ours.length, others.length); position++) {
    const [one, other] = [ours[position], others[position]]
    if (one !== undefined && other !== undefined && equalBytes(one, other)) continue
    return { position, transaction: idOf(chain, one), theirTransaction: idOf(chain, other) }
  }
  return {}
}

function idOf(chain: Uint8Array, bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : decodeTransaction(bytes, chain).key
}

function equalValues(a: BlockHeader[keyof BlockHeader], b: BlockHeader[keyof BlockHeader]): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? equalBytes(a, b) : a === b
}
