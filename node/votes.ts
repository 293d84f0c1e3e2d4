import type { VoteBook } from '../consensus/ports.ts'
import { TokenBucket } from '../p2p/token-bucket.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { decode, encode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import type { Clock } from '../primitives/ports.ts'
import { verify } from '../primitives/signature.ts'
import type { Signer } from '../primitives/signature.ts'
import { signedVote, voteBytes } from '../primitives/vote.ts'
import type { SignedVote } from '../primitives/vote.ts'

/** Terms whose votes are remembered, newest first: old ones meet nobody any more. */
const TERMS_MAX = 64
/** Votes one peer may pass on, per second and at once. An election has one per voter. */
const PASSED_ON = { perSecond: 20, burst: 128 } as const
const VOTE_BYTES_MAX = 255

export interface VoteBookOptions { readonly chain: Uint8Array; readonly epoch: () => number; /** Keys under which a node's vote counts, the likeliest first. */ readonly keysOf: (node: number) => readonly Uint8Array[]; readonly node: number; readonly signer: Signer }
export interface VoteBookPorts {
  /** Hash of the newest block in this node's log. */
  readonly lastBlock: () => Uint8Array
  readonly broadcast: (vote: Uint8Array) => void
  /** Two votes of one node in one term for different candidates; both signatures have been checked. */
  readonly onTwoVotes: (first: SignedVote, second: SignedVote) => void
  /** `from` itself gave this node its vote. */
  readonly onVoteFrom?: (from: number, term: number) => void
  /** The term this node is in. */
  readonly term: () => number
  readonly clock: Clock
}

/**
 * Signs this node's votes, counts only signed ones, and compares those that candidates pass on (DESIGN §5.7). Whoever is voted for tells everybody, so that a voter who gives two
 * candidates its vote is seen by all. Nothing here runs outside elections.
 */
export class Votes implements VoteBook {
  readonly #options: VoteBookOptions
  readonly #ports: VoteBookPorts
  /** Votes by term and node. */
  readonly #seen = new Map<number, Map<number, SignedVote>>()
  readonly #buckets = new Map<number, TokenBucket>()
  #ownTerm = 0

  constructor(options: VoteBookOptions, ports: VoteBookPorts) {
    this.#options = options
    this.#ports = ports
  }

  sign(term: number, candidate: number): Uint8Array {
    const { chain, epoch, node, signer } = this.#options
    const content = { v: 1, epoch: epoch(), term, node, candidate, lastBlock: this.#ports.lastBlock() }
    const vote = { content, signature: signer.sign(voteBytes(chain, content)) }
    this.#remember(vote)
    return encode(signedVote, vote)
  }

  accept(from: number, term: number, bytes: Uint8Array | undefined): boolean {
    const { node } = this.#options
    const vote = bytes === undefined ? undefined : this.#read(bytes)
    if (vote === undefined || vote.content.node !== from || vote.content.term !== term || vote.content.candidate !== node) return false
    if (!this.#isKnown(vote) && !this.#isSigned(vote)) return false
    this.#compare(vote)
    this.#ports.onVoteFrom?.(from, term)
    if (this.#ownTerm !== term) {
      // The candidate's own vote needs no answer, so nobody would see it otherwise.
      this.#ownTerm = term
      this.#ports.broadcast(this.sign(term, node))
    }
    this.#ports.broadcast(encode(signedVote, vote))
    return true
  }

  /** Takes a vote that somebody passes on. `reject`: no sound node passes this on. */
  receive(from: number, bytes: Uint8Array): 'accept' | 'ignore' | 'reject' {
    let bucket = this.#buckets.get(from)
    if (bucket === undefined) this.#buckets.set(from, (bucket = new TokenBucket(PASSED_ON, this.#ports)))
    if (!bucket.take()) return 'ignore'
    const vote = this.#read(bytes)
    if (vote === undefined) return 'reject'
    // Terms far off are of no use, and would push the others out.
    if (this.#isKnown(vote) || Math.abs(vote.content.term - this.#ports.term()) >= TERMS_MAX) return 'ignore'
    if (!this.#isSigned(vote)) return 'reject'
    this.#compare(vote)
    return 'accept'
  }

  #read(bytes: Uint8Array): SignedVote | undefined {
    try {
      const vote = decode(signedVote, bytes, { maxBytes: VOTE_BYTES_MAX })
      return vote.content.v === 1 && vote.content.epoch === this.#options.epoch() ? vote : undefined
    } catch (error) {
      if (error instanceof SteleError) return undefined // Not what a node sends; the caller judges that.
      throw error
    }
  }

  #isKnown({ content, signature }: SignedVote): boolean {
    const known = this.#seen.get(content.term)?.get(content.node)
    return known !== undefined && known.content.candidate === content.candidate && equalBytes(known.signature, signature) && equalBytes(known.content.lastBlock, content.lastBlock)
  }

  #isSigned({ content, signature }: SignedVote): boolean {
    const message = voteBytes(this.#options.chain, content)
    return this.#options.keysOf(content.node).some((key) => verify(key, message, signature))
  }

  #compare(vote: SignedVote): void {
    const known = this.#seen.get(vote.content.term)?.get(vote.content.node)
    if (known === undefined) this.#remember(vote)
    else if (known.content.candidate !== vote.content.candidate) this.#ports.onTwoVotes(known, vote)
  }

  #remember(vote: SignedVote): void {
    const { term, node } = vote.content
    const ofTerm = this.#seen.get(term) ?? new Map<number, SignedVote>()
    if (!ofTerm.has(node)) ofTerm.set(node, vote)
    this.#seen.set(term, ofTerm)
    if (this.#seen.size > TERMS_MAX) this.#seen.delete(Math.min(...this.#seen.keys()))
  }
}
