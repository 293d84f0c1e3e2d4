import type { Entry, Message } from '../../consensus/core/message.ts'
import { decodeMessage, encodeMessage } from '../../consensus/message-wire.ts'
import { attestationBytes, attestationSchema } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { sha256 } from '../../primitives/hash.ts'
import { SeededRandom } from '../helpers/raft-random.ts'
import { CHAIN, simSigner } from './keys.ts'
import { ATTESTATION_FRAME } from './network.ts'
import { SimBlockReader, encodeSimBlock, simRoot } from './sim-block.ts'
import type { SimBlock } from './sim-block.ts'
import { SimExecutor } from './sim-executor.ts'

/** What a lying node does. It holds its own keys and nobody else's. */
export const LIES = ['equivocate', 'forgeRoot', 'overcommit', 'falseAck', 'doubleVote', 'replayAttestations', 'doubleAttest', 'withhold'] as const
export type Lie = (typeof LIES)[number]

const REMEMBERED_MAX = 64

/** A lying node: production code inside, and a mouth that says something else (DESIGN §5.7, THREATS). */
export class Liar {
  readonly lies: ReadonlySet<Lie>
  readonly #node: number
  readonly #random: SeededRandom
  readonly #reader: SimBlockReader
  /** The other block of each place, so that the lie is told consistently. */
  readonly #others = new Map<string, Uint8Array>()
  readonly #attestations: Uint8Array[] = []

  constructor(node: number, seed: number, reader: SimBlockReader) {
    this.#node = node
    this.#random = new SeededRandom(seed)
    this.#reader = reader
    const drawn = LIES.filter(() => this.#random.chance(0.4))
    this.lies = new Set(drawn.length === 0 ? ['equivocate', 'doubleAttest'] : drawn)
  }

  /** What `to` gets instead of the frame that the production code wanted to send. */
  tamper(from: number, to: number, frame: Uint8Array): readonly Uint8Array[] {
    if (from !== this.#node) {
      if (frame[0] === ATTESTATION_FRAME && to === this.#node && this.#attestations.length < REMEMBERED_MAX) this.#attestations.push(frame)
      return [frame]
    }
    if (this.lies.has('withhold') && this.#random.chance(0.05)) return []
    if (frame[0] === ATTESTATION_FRAME) return this.#attest(to, frame)
    const old = this.lies.has('replayAttestations') && this.#attestations.length > 0 && this.#random.chance(0.1) ? [this.#random.pick(this.#attestations)] : []
    return [encodeMessage(this.#distort(to, decodeMessage(frame))), ...old]
  }

  /** The executor of this node: its blocks sometimes claim a root that execution does not give. */
  get executorClass(): typeof SimExecutor {
    const forges = (): boolean => this.lies.has('forgeRoot') && this.#random.chance(0.1)
    return class extends SimExecutor {
      protected override forge(block: SimBlock): SimBlock { return forges() ? { ...block, root: sha256(block.root) } : block }
    }
  }

  /** Even nodes are told the truth, odd ones the other story. */
  #attest(to: number, frame: Uint8Array): readonly Uint8Array[] {
    if (!this.lies.has('doubleAttest') || to % 2 === 0) return [frame]
    const attestation = decode(attestationSchema, frame.subarray(1))
    const content = { ...attestation.content, block: sha256(attestation.content.block) }
    const bytes = encode(attestationSchema, { content, node: this.#node, signature: simSigner(this.#node).sign(attestationBytes(CHAIN, content)) })
    const other = new Uint8Array(bytes.length + 1)
    other[0] = ATTESTATION_FRAME
    other.set(bytes, 1)
    return this.#random.chance(0.5) ? [other] : [other, frame]
  }

  #distort(to: number, message: Message): Message {
    const { lies } = this
    const random = this.#random
    switch (message.type) {
      case 'append': {
        const entries = lies.has('equivocate') && to % 2 === 1 ? message.entries.map((entry) => this.#otherEntry(entry)) : message.entries
        return { ...message, entries, commit: lies.has('overcommit') && random.chance(0.3) ? message.prevIndex + entries.length : message.commit }
      }
      case 'heartbeat': return lies.has('overcommit') && random.chance(0.2) ? { ...message, commit: message.commit + 1 + random.below(2) } : message
      case 'appendAck': return lies.has('falseAck') && random.chance(0.3) ? { ...message, index: message.index + 1 + random.below(3) } : message
      case 'appendReject': return lies.has('falseAck') && random.chance(0.3) ? { type: 'appendAck', from: message.from, to, term: message.term, index: message.index } : message
      case 'voteAnswer': return lies.has('doubleVote') ? { ...message, granted: true } : message
      case 'preVoteAnswer': return lies.has('doubleVote') ? { ...message, granted: true } : message
      default: return message
    }
  }

  /** Another sound block of its own for the same place: one transaction more. */
  #otherEntry(entry: Entry): Entry {
    const read = entry.kind === 'block' ? this.#reader.read(entry.data) : undefined
    if (read === undefined || read.block.proposer !== this.#node) return entry
    const key = `${entry.index}:${entry.term}`
    let data = this.#others.get(key)
    if (data === undefined) {
      const invented = 2_000_000_000 + entry.index
      const transactions = [...read.block.transactions, invented]
      // From the root before, which the honest part of this node knows as the root of the parent block.
      data = encodeSimBlock({ ...read.block, transactions, root: simRoot(this.rootBefore(read.block), transactions) })
      this.#others.set(key, data)
    }
    return { ...entry, data }
  }

  /** State root under a block; set by the simulation, which sees all chains. */
  rootBefore: (block: SimBlock) => Uint8Array = (block) => block.parent
}
