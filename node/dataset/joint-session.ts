import { jointHierarchies, jointRelease, JointTree, payloadCells, releaseHash } from '../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, JointContribution, Release } from '../../contracts/anonymization/kernel/index.ts'
import { equalBytes, fromHex, u32Bytes } from '../../primitives/bytes.ts'
import { hash } from '../../primitives/hash.ts'
import { SteleError } from '../../primitives/error.ts'
import type { Random } from '../../primitives/ports.ts'
import { addVectors, maskCounts, pairMask, sharedSecret } from '../../privacy/masks.ts'
import { createSealKeyPair } from '../../privacy/seal.ts'
import { bytesToCells, cellsToBytes, CELLS_MAX } from './joint-messages.ts'
import type { JointMessage } from './joint-messages.ts'
import type { JointLine } from './joint-line.ts'

export interface JointRun {
  readonly line: JointLine<JointMessage>
  /** All contributors of the request, ascending; this one among them. */
  readonly contributors: readonly number[]
  readonly contribution: JointContribution
  readonly definition: DatasetDefinition
  /** Rows that all contributors selected together, as the ledger counts them. */
  readonly persons: number
  readonly random: Random
  /** How long one message of another contributor may take, ms. */
  readonly waitMs: number
  readonly onRound?: (round: number, open: number) => void
}

/** Another contributor has begun a newer epoch: this one is given up, and its masks are never used again. */
class NewEpoch extends Error {
  readonly epoch: number

  constructor(epoch: number) {
    super('another contributor has started anew')
    this.epoch = epoch
  }
}

/**
 * Grows the tree and counts the published values together with the other contributors, each of which sees its own rows and totals alone. All rounds of an epoch are masked under keys made
 * for it; whoever starts anew, or comes back after it was cut off, begins a new epoch, and the others follow. Nothing is released unless all contributors saw the same.
 * Throws `JOINT_SILENT`, `JOINT_FORGED`, `JOINT_DIVERGED`, `JOINT_SPENT`, `ANONYMIZATION_*`.
 */
export async function runJoint(run: JointRun): Promise<Release> {
  const heard = new Map(run.contributors.map((member) => [member, 0]))
  let epoch = await newestEpoch(run, heard) + 1
  for (;;) {
    try {
      return await new Epoch(run, epoch, heard).run()
    } catch (error) {
      if (!(error instanceof NewEpoch)) throw error
      epoch = error.epoch
    }
  }
}

/** Reads what everybody has said so far, so that the new epoch is above all earlier ones. A hello that nobody has followed yet is left to be heard. */
async function newestEpoch({ line, contributors }: JointRun, heard: Map<number, number>): Promise<number> {
  let newest = 0
  for (const member of contributors) {
    for (let sequence = 0, said; (said = await line.hear(member, sequence, 0)) !== undefined; sequence++) {
      heard.set(member, sequence + 1)
      newest = Math.max(newest, said.value.epoch)
    }
  }
  return newest
}

class Epoch {
  readonly #run: JointRun
  readonly #epoch: number
  readonly #heard: Map<number, number>
  readonly #secrets = new Map<number, Uint8Array>()
  readonly #others: readonly number[]
  /** Hash of the session's keys and of all totals so far. */
  #before: Uint8Array = new Uint8Array(32)
  #session: Uint8Array = new Uint8Array(32)
  #round = 0

  constructor(run: JointRun, epoch: number, heard: Map<number, number>) {
    this.#run = run
    this.#epoch = epoch
    this.#heard = heard
    this.#others = run.contributors.filter((member) => member !== run.line.member)
  }

  async run(): Promise<Release> {
    const { contribution, definition, persons, onRound } = this.#run
    await this.#greet()
    const rows = contribution.start()
    const tree = new JointTree(jointHierarchies(definition), definition.policy.k)
    while (!tree.isGrown) {
      onRound?.(this.#round, tree.questions.length)
      rows.follow(tree.decide(await this.#addUp(rows.count(tree.questions, (cells) => this.#noise(cells)))))
    }
    const classes = tree.finished.length
    const totals = await this.#addUp(contribution.countPayload(rows, classes))
    if (totals.length !== payloadCells(definition, classes) || totals.reduce((sum, count) => sum + count, 0) !== persons) throw diverged('as many rows are counted as were selected')
    const release = jointRelease(definition, tree.finished, totals)
    await this.#agree(fromHex(releaseHash(release)))
    return release
  }

  /** A fresh key from everybody. The session is the hash of all of them: masks of one session fit no other. */
  async #greet(): Promise<void> {
    const { random, contributors, line: { member } } = this.#run
    const own = createSealKeyPair(random)
    await this.#say({ kind: 'hello', value: { epoch: this.#epoch, key: new Uint8Array(own.publicKey) } })
    const keys = new Map([[member, own.publicKey]])
    for (const other of this.#others) {
      const said = await this.#hear(other)
      if (said.kind !== 'hello') throw forged(other, 'a hello begins an epoch')
      keys.set(other, said.value.key)
      this.#secrets.set(other, sharedSecret(own.secretKey, said.value.key))
    }
    this.#session = hash('joint-session', u32Bytes(this.#epoch), ...contributors.flatMap((each) => [u32Bytes(each), keys.get(each)!]))
    this.#before = this.#session
  }

  /** One round: masked counts to everybody, everybody's masked counts added up. */
  async #addUp(counts: Uint32Array): Promise<Uint32Array> {
    const { line: { member } } = this.#run
    const [round, before] = [this.#round++, this.#before]
    const masked = maskCounts(counts, member, new Map(this.#others.map((other) => [other, pairMask(this.#secrets.get(other)!, this.#session, round, counts.length)])))
    for (let first = 0; first < masked.length; first += CELLS_MAX) await this.#say({ kind: 'counts', value: { epoch: this.#epoch, before, round, first, cells: cellsToBytes(masked.subarray(first, first + CELLS_MAX)) } })
    const vectors = [masked]
    for (const other of this.#others) vectors.push(await this.#vectorOf(other, { round, before, length: counts.length }))
    const totals = addVectors(vectors)
    this.#before = hash('joint-session', before, u32Bytes(round), cellsToBytes(totals))
    return totals
  }

  async #vectorOf(other: number, { round, before, length }: { readonly round: number; readonly before: Uint8Array; readonly length: number }): Promise<Uint32Array> {
    const vector = new Uint32Array(length)
    for (let first = 0; first < length; first += CELLS_MAX) {
      const said = await this.#hear(other)
      // Whoever saw other totals may ask other questions by now: that comes before all else.
      if (said.kind !== 'hello' && !equalBytes(said.value.before, before)) throw diverged('everybody saw the same totals', other)
      if (said.kind !== 'counts' || said.value.round !== round || said.value.first !== first || said.value.cells.length !== 4 * Math.min(CELLS_MAX, length - first)) throw forged(other, 'counts of this round, in order')
      vector.set(bytesToCells(said.value.cells), first)
    }
    return vector
  }

  async #agree(release: Uint8Array): Promise<void> {
    await this.#say({ kind: 'done', value: { epoch: this.#epoch, before: this.#before, release } })
    for (const other of this.#others) {
      const said = await this.#hear(other)
      if (said.kind === 'hello') throw forged(other, 'the release that came out')
      if (said.kind !== 'done' || !equalBytes(said.value.release, release) || !equalBytes(said.value.before, this.#before)) throw diverged('everybody computed the same release', other)
    }
  }

  #say(message: JointMessage): Promise<void> {
    return this.#run.line.say(message)
  }

  /** The next message of this epoch. Older ones are passed over; a newer epoch ends this one. */
  async #hear(other: number): Promise<JointMessage> {
    const { line, waitMs } = this.#run
    for (;;) {
      const sequence = this.#heard.get(other)!
      const said = await line.hear(other, sequence, waitMs)
      if (said === undefined) throw new SteleError({ code: 'JOINT_SILENT', message: 'another contributor did not answer in time', details: { member: other, round: this.#round, waitedMs: waitMs }, retryable: true })
      if (said.value.epoch > this.#epoch) throw new NewEpoch(said.value.epoch)
      this.#heard.set(other, sequence + 1)
      if (said.value.epoch === this.#epoch) return said
    }
  }

  #noise(cells: number): Uint32Array {
    const noise = bytesToCells(new Uint8Array(this.#run.random.bytes(4 * cells)))
    // The veto cell must not be zero; with two vetoes the sum is zero once in 2^32 rounds, and the counts then contradict each other.
    noise[0] = Math.max(1, noise[0]!)
    return noise
  }
}

const forged = (member: number, rule: string): SteleError => new SteleError({ code: 'JOINT_FORGED', message: 'a contributor says what no honest one says', details: { member, rule } })
const diverged = (rule: string, member?: number): SteleError => new SteleError({ code: 'JOINT_DIVERGED', message: 'contributors saw different totals', details: { rule, ...(member !== undefined && { member }) } })
