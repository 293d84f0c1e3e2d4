import type { AttestationContent } from '../primitives/certificate.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import type { ExecutedBlock } from './executed-block.ts'
import type { NodeParts } from './node-parts.ts'

/** Committed blocks that are looked at again after a start; older ones become final with them. */
const RECALLED_BLOCKS_MAX = 256

/** The attestation content of a committed block. */
export function contentOf({ header, hash }: Pick<ExecutedBlock, 'header' | 'hash'>): AttestationContent {
  return { v: 1, epoch: header.epoch, height: header.height, term: header.term, block: hash, stateRoot: header.stateRoot, memberSet: header.memberSet }
}

type FollowedParts = Pick<NodeParts, 'versions' | 'rules' | 'keeper' | 'finality' | 'book' | 'executor' | 'maker'>

/** What happens in a node when a block is committed, and when it is final; others may listen. */
export class ChainFollower {
  readonly #parts: () => FollowedParts
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #committed = new Set<(block: ExecutedBlock) => void>()
  readonly #final = new Set<(height: number) => void>()
  #finalWaitsSinceMs: number | undefined

  constructor(parts: () => FollowedParts, clock: Clock, logger: Logger) {
    this.#parts = parts
    this.#clock = clock
    this.#logger = logger
  }

  /** Age of the oldest committed block that is not final, in ms; 0 when there is none. */
  get finalityLagMs(): number { return this.#finalWaitsSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#finalWaitsSinceMs }

  onCommitted(listener: (block: ExecutedBlock) => void): () => void {
    this.#committed.add(listener)
    return () => { this.#committed.delete(listener) }
  }

  onFinal(listener: (height: number) => void): () => void {
    this.#final.add(listener)
    return () => { this.#final.delete(listener) }
  }

  committed(block: ExecutedBlock): void {
    const { versions, rules, keeper, finality } = this.#parts()
    this.#finalWaitsSinceMs ??= this.#clock.monotonicMs()
    versions.look(block.rules.activations, block.height)
    if (rules.follow(block)) {
      const nodes = keeper.follow(block)
      this.#logger.info({ height: block.height, voters: rules.members.voters.map(({ node }) => node), nodes: nodes.map(({ node }) => node) }, 'the members or parameters of the chain changed')
    }
    finality.committed(contentOf(block))
    for (const listener of this.#committed) listener(block)
  }

  final(height: number): void {
    const { book, executor, maker } = this.#parts()
    this.#finalWaitsSinceMs = height >= executor.tip.height ? undefined : this.#clock.monotonicMs()
    book.final(height)
    maker.certify()
    for (const listener of this.#final) listener(height)
  }
}

/** What was committed before the start and is not final yet is attested and certified like everything else. */
export function recallCommitted({ store, finality, world, rules }: Pick<NodeParts, 'store' | 'finality' | 'world' | 'rules'>): void {
  const first = Math.max(finality.finalHeight + 1, world.height - RECALLED_BLOCKS_MAX)
  const changes = rules.changeHeights.filter((height) => height > finality.finalHeight && height < first)
  for (const height of [...changes, ...Array.from({ length: Math.max(0, world.height - first + 1) }, (_, i) => first + i)]) {
    const { header, hash } = store.block(height)!
    finality.committed(contentOf({ header, hash }))
  }
}
