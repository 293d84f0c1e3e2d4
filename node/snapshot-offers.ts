import { equalBytes, toHex } from '../primitives/bytes.ts'
import { decode, encode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { faultyMax } from '../primitives/member-set.ts'
import type { Logger } from '../primitives/ports.ts'
import { finalitySchema, verifyFinality } from '../primitives/receipt.ts'
import type { Finality } from '../primitives/receipt.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import { SNAPSHOT_LIMITS, invalidSnapshot, readManifest } from '../state/snapshot-format.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import type { HeaderRules } from './block-check.ts'
import { SNAPSHOT_METHODS, heightQuery, manifestAnswer, offersSchema } from './snapshot-server.ts'

/** A snapshot worth taking, and the nodes that have that very one. */
export interface ChosenSnapshot { readonly read: ReadManifest; readonly finality: Finality; readonly finalityBytes: Uint8Array; readonly nodes: readonly number[] }

export interface OfferPorts {
  readonly sync: Pick<SyncProtocol, 'request'>
  /** Voters but this node. */
  readonly nodes: readonly number[]
  readonly rules: HeaderRules
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Counts against a node that served something it should have known to be wrong. */
  readonly blame: (node: number, code: string) => void
}

const OFFERS_TIMEOUT_MS = 5_000
const MANIFEST_TIMEOUT_MS = 60_000

interface Offer { readonly height: number; readonly id: string; readonly nodes: number[] }

/**
 * The newest snapshot above `above` that enough members vouch for, with its certificate checked; undefined when there is none now. The state in it is proved by the certificate; its place in the log and the
 * lists beside the state are not, so one more member than may lie must offer the same: f + 1, for n voters f = ⌊(n − 1)/3⌋ (DESIGN §5.7).
 */
export async function chooseSnapshot(above: number, ports: OfferPorts): Promise<ChosenSnapshot | undefined> {
  const { rules } = ports
  const offers = await askOffers(ports)
  const memberOf = (node: number): number => rules.members.voters.find((voter) => voter.node === node)?.member ?? 0
  const needed = faultyMax(rules.members.voters.length) + 1
  const vouched = offers.filter(({ height, nodes }) => height > above && new Set(nodes.map(memberOf)).size >= Math.min(needed, ports.nodes.length))
  for (const offer of vouched.sort((a, b) => b.height - a.height)) {
    for (const node of offer.nodes) {
      const chosen = await fetchManifest(node, offer, ports)
      if (chosen !== undefined) return chosen
    }
  }
  return undefined
}

async function askOffers({ sync, nodes, signal, logger }: OfferPorts): Promise<Offer[]> {
  const found = new Map<string, Offer>()
  await Promise.all(nodes.map(async (node) => {
    try {
      const { offers } = decode(offersSchema, await sync.request(node, SNAPSHOT_METHODS.offers, new Uint8Array(0), { signal, timeoutMs: OFFERS_TIMEOUT_MS, maxBytes: 64 * 1024 }))
      for (const { height, id } of offers) {
        const key = `${height} ${toHex(id)}`
        const known = found.get(key) ?? { height: Number(height), id: toHex(id), nodes: [] }
        if (!known.nodes.includes(node)) known.nodes.push(node)
        found.set(key, known)
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof SteleError)) throw error
      logger.debug({ node, code: error.code }, 'a member offers no snapshot now')
    }
  }))
  return [...found.values()]
}

async function fetchManifest(node: number, { height, id, nodes }: Offer, { sync, rules, signal, logger, blame }: OfferPorts): Promise<ChosenSnapshot | undefined> {
  try {
    const answer = decode(manifestAnswer, await sync.request(node, SNAPSHOT_METHODS.manifest, encode(heightQuery, { height: BigInt(height) }), { signal, timeoutMs: MANIFEST_TIMEOUT_MS, maxBytes: SNAPSHOT_LIMITS.manifestBytesMax }), { maxBytes: SNAPSHOT_LIMITS.manifestBytesMax })
    const read = readManifest(rules.chain, answer.manifest)
    if (toHex(read.id) !== id) throw invalidSnapshot('the manifest is the one that was offered', { height })
    return { read, finality: checkFinality(read, answer.finality, rules), finalityBytes: answer.finality, nodes }
  } catch (error) {
    if (signal.aborted || !(error instanceof SteleError)) throw error
    logger.warn({ node, height, code: error.code, details: error.details }, 'a snapshot that a member offers cannot be taken')
    if (!error.code.startsWith('P2P_')) blame(node, error.code)
    return undefined
  }
}

/** Checks that the snapshot's block is final by the voters of its height. Throws `SNAPSHOT_INVALID`, CERTIFICATE_*, PROOF_* or CODEC_*. */
export function checkFinality({ manifest, block }: ReadManifest, finalityBytes: Uint8Array, rules: HeaderRules): Finality {
  const finality = decode(finalitySchema, finalityBytes)
  verifyFinality(rules.chain, rules.members, manifest.header, finality)
  const { content } = finality.certificate
  if (finality.descendant === null && !equalBytes(content.block, block)) throw invalidSnapshot('the certificate is for the snapshot\'s block')
  return finality
}

