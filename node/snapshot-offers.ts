import { toHex } from '../primitives/bytes.ts'
import { decode, encode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { faultyMax } from '../primitives/member-set.ts'
import type { Logger } from '../primitives/ports.ts'
import type { MemberPeriod } from '../primitives/member-history.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import { SNAPSHOT_LIMITS, invalidSnapshot, readManifest } from '../state/snapshot-format.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import { checkProof } from './snapshot-proof.ts'
import type { SnapshotProof } from './snapshot-proof.ts'
import { SNAPSHOT_METHODS, heightQuery, manifestAnswer, offersSchema } from './snapshot-server.ts'

/** A snapshot worth taking, and the nodes that have that very one. */
export interface ChosenSnapshot { readonly read: ReadManifest; readonly proof: SnapshotProof; readonly proofBytes: Uint8Array; readonly nodes: readonly number[] }

export interface OfferPorts {
  readonly sync: Pick<SyncProtocol, 'request'>
  /** The nodes of the chain but this one, as far as it knows them. */
  readonly peers: () => readonly { readonly node: number; readonly member: number }[]
  readonly chain: Uint8Array
  /** The first members: what everything is proved from. */
  readonly trusted: MemberPeriod
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Counts against a node that served something it should have known to be wrong. */
  readonly blame: (node: number, code: string) => void
}

const OFFERS_TIMEOUT_MS = 5_000
const MANIFEST_TIMEOUT_MS = 60_000

interface Offer { readonly height: number; readonly id: string; readonly from: { readonly node: number; readonly member: number }[] }

/**
 * The newest snapshot above `above` that enough members vouch for, with its certificate checked; undefined when there is none now. The state in it is proved by the certificate; its place in the log and the
 * lists beside the state are not, so one more member than may lie must offer the same: f + 1, for n voters f = ⌊(n − 1)/3⌋ (DESIGN §5.7).
 */
export async function chooseSnapshot(above: number, ports: OfferPorts): Promise<ChosenSnapshot | undefined> {
  const offers = (await askOffers(ports)).filter(({ height }) => height > above)
  for (const offer of offers.sort((a, b) => b.height - a.height)) {
    for (const { node } of offer.from) {
      const chosen = await fetchManifest(node, offer, ports)
      if (chosen === 'too few') break
      if (chosen !== undefined) return chosen
    }
  }
  return undefined
}

async function askOffers({ sync, peers, signal, logger }: OfferPorts): Promise<Offer[]> {
  const found = new Map<string, Offer>()
  await Promise.all(peers().map(async ({ node, member }) => {
    try {
      const { offers } = decode(offersSchema, await sync.request(node, SNAPSHOT_METHODS.offers, new Uint8Array(0), { signal, timeoutMs: OFFERS_TIMEOUT_MS, maxBytes: 64 * 1024 }))
      for (const { height, id } of offers) {
        const key = `${height} ${toHex(id)}`
        const known = found.get(key) ?? { height: Number(height), id: toHex(id), from: [] }
        if (!known.from.some((each) => each.node === node)) known.from.push({ node, member })
        found.set(key, known)
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof SteleError)) throw error
      logger.debug({ node, code: error.code }, 'a member offers no snapshot now')
    }
  }))
  return [...found.values()]
}

async function fetchManifest(node: number, { height, id, from }: Offer, { sync, chain, trusted, signal, logger, blame }: OfferPorts): Promise<ChosenSnapshot | 'too few' | undefined> {
  try {
    const answer = decode(manifestAnswer, await sync.request(node, SNAPSHOT_METHODS.manifest, encode(heightQuery, { height: BigInt(height) }), { signal, timeoutMs: MANIFEST_TIMEOUT_MS, maxBytes: SNAPSHOT_LIMITS.manifestBytesMax }), { maxBytes: SNAPSHOT_LIMITS.manifestBytesMax })
    const read = readManifest(chain, answer.manifest)
    if (toHex(read.id) !== id) throw invalidSnapshot('the manifest is the one that was offered', { height })
    const { set, ...proof } = checkProof(read, answer.proof, chain, trusted)
    const vouching = new Set(from.map(({ member }) => member)).size
    const needed = faultyMax(set.voters.length) + 1
    if (vouching < needed) {
      logger.info({ height, vouching, needed }, 'a snapshot waits for more members to vouch for it')
      return 'too few'
    }
    return { read, proof, proofBytes: answer.proof, nodes: from.map((each) => each.node) }
  } catch (error) {
    if (signal.aborted || !(error instanceof SteleError)) throw error
    logger.warn({ node, height, code: error.code, details: error.details }, 'a snapshot that a member offers cannot be taken')
    if (!error.code.startsWith('P2P_')) blame(node, error.code)
    return undefined
  }
}
