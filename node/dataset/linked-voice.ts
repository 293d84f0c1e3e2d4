import { concatBytes, equalBytes } from '../../primitives/bytes.ts'
import { bytes, encode, fixedBytes, struct, u32, variant } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { hash } from '../../primitives/hash.ts'
import { POINT_BYTES } from '../../privacy/linkage/group.ts'
import { KEY_PROOF_BYTES } from '../../privacy/linkage/keys.ts'
import { SEALED_BYTES } from '../../privacy/linkage/mix.ts'
import type { JointLine } from './joint-line.ts'

/** Bytes of points in one message; with its frame it fits into a mailbox entry. */
const PART_BYTES = 937 * SEALED_BYTES

/** What sites say to link persons. `before`: hash of all that was said in the stages before, by which they notice that they were told different things. */
export const linkedMessage = variant({
  key: struct({ before: fixedBytes(32), key: fixedBytes(POINT_BYTES), proof: fixedBytes(KEY_PROOF_BYTES) }),
  /** A part of a list: a site's own persons, or what its turn made of the list so far. */
  points: struct({ before: fixedBytes(32), first: u32, points: bytes({ max: PART_BYTES }) }),
  done: struct({ before: fixedBytes(32) }),
})
export type LinkedMessage = Infer<typeof linkedMessage>
type Value<K extends LinkedMessage['kind']> = Extract<LinkedMessage, { kind: K }>['value']

/** One site's part in a conversation by stages. It says nothing twice: what it said before it was cut off is compared with what it would say now, and passed over. */
export class LinkedVoice {
  readonly #line: JointLine<LinkedMessage>
  readonly #waitMs: number
  /** Messages of each site that were heard; of this site, said. */
  readonly #count = new Map<number, number>()
  #before: Uint8Array

  constructor(line: JointLine<LinkedMessage>, start: Uint8Array, waitMs: number) {
    this.#line = line
    this.#before = start
    this.#waitMs = waitMs
  }

  get member(): number { return this.#line.member }
  /** Hash of all stages so far. */
  get before(): Uint8Array { return this.#before }

  /** Ends a stage. */
  follow(...said: readonly Uint8Array[]): void {
    this.#before = hash('linkage', this.#before, ...said)
  }

  /** Throws `JOINT_DIVERGED` when this site said something else before. */
  async say(message: LinkedMessage): Promise<void> {
    const sequence = this.#count.get(this.member) ?? 0
    const said = await this.#line.hear(this.member, sequence, 0)
    if (said === undefined) await this.#line.say(message)
    else if (!equalBytes(encode(linkedMessage, said), encode(linkedMessage, message))) throw diverged(this.member, 'a site says one thing')
    this.#count.set(this.member, sequence + 1)
  }

  /** The next words of a site. Throws `JOINT_SILENT`, `JOINT_DIVERGED`, `JOINT_FORGED`. */
  async hear<K extends LinkedMessage['kind']>(site: number, kind: K): Promise<Value<K>> {
    const sequence = this.#count.get(site) ?? 0
    const said = await this.#line.hear(site, sequence, this.#waitMs)
    if (said === undefined) throw new SteleError({ code: 'JOINT_SILENT', message: 'another contributor did not answer in time', details: { member: site, message: sequence, waitedMs: this.#waitMs }, retryable: true })
    if (!equalBytes(said.value.before, this.#before)) throw diverged(site, 'everybody heard the same words')
    if (said.kind !== kind) throw forged(site, `a message of kind ${kind}`)
    this.#count.set(site, sequence + 1)
    return said.value as Value<K>
  }

  /** Says a list part by part, while it is made; returns all of it. */
  async tell(elements: Iterable<Uint8Array>): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let [waiting, first]: [Uint8Array[], number] = [[], 0]
    const flush = async (): Promise<void> => {
      const points = concatBytes(...waiting)
      await this.say({ kind: 'points', value: { before: this.#before, first, points } })
      parts.push(points)
      first += points.length
      waiting = []
    }
    for (const element of elements) {
      waiting.push(element)
      if (waiting.length * element.length >= PART_BYTES) await flush()
    }
    if (waiting.length > 0) await flush()
    return concatBytes(...parts)
  }

  /** A site's list of that many bytes. */
  async hearList(site: number, length: number): Promise<Uint8Array> {
    const list = new Uint8Array(length)
    for (let first = 0; first < length; first += PART_BYTES) {
      const said = await this.hear(site, 'points')
      if (said.first !== first || said.points.length !== Math.min(PART_BYTES, length - first)) throw forged(site, 'points of this stage, in order')
      list.set(said.points, first)
    }
    return list
  }
}

const diverged = (member: number, rule: string): SteleError => new SteleError({ code: 'JOINT_DIVERGED', message: 'contributors saw different things', details: { member, rule } })
const forged = (member: number, rule: string): SteleError => new SteleError({ code: 'JOINT_FORGED', message: 'a contributor says what no honest one says', details: { member, rule } })
