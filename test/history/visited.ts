/** Words in a slot of the table: hash, place of the record. */
const SLOT_WORDS = 2
const SLOTS_MIN = 1024
const RECORDS_MIN = 16_384
/** A record: state, first word of the set, count of words, then the words. */
const HEAD_WORDS = 3

/** A set of small integers that knows a hash of its members. */
export class BitSet {
  readonly words: Uint32Array
  readonly #marks: Uint32Array
  hash = 0

  constructor(size: number) {
    this.words = new Uint32Array(Math.ceil(size / 32))
    // One mark per member, joined by exclusive or: adding and removing cost one operation. Any mixer does; equality is checked on the words.
    this.#marks = Uint32Array.from({ length: size }, (_, i) => mix(i + 1))
  }

  /** Adds the member, or removes it when it is there. */
  flip(member: number): void {
    this.words[member >>> 5]! ^= 1 << (member & 31)
    this.hash = (this.hash ^ this.#marks[member]!) >>> 0
  }
}

/**
 * The (set, state) pairs that a search has met, in two typed arrays, so that its memory is known to the byte. Sets are kept from their first
 * word that is not full to their last one that is not empty: in a history operations take effect roughly in order, so this is short.
 */
export class Visited {
  #slots = new Uint32Array(SLOTS_MIN * SLOT_WORDS)
  #records = new Uint32Array(RECORDS_MIN)
  #used = 1 // Place 0 means an empty slot.
  #count = 0

  get bytes(): number { return this.#slots.byteLength + this.#records.byteLength }
  get count(): number { return this.#count }

  /** True when the pair was not there before. */
  add(set: BitSet, state: number): boolean {
    const { words } = set
    let first = 0
    while (first < words.length && words[first] === 0xffff_ffff) first++
    let end = words.length
    while (end > first && words[end - 1] === 0) end--
    const hash = mix((set.hash ^ Math.imul(state + 1, 0x9e37_79b1)) >>> 0)
    const mask = this.#slots.length / SLOT_WORDS - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot * SLOT_WORDS + 1]!
      if (place === 0) {
        this.#slots[slot * SLOT_WORDS] = hash
        this.#slots[slot * SLOT_WORDS + 1] = this.#store(words, first, end, state)
        if (++this.#count * 2 > mask) this.#grow()
        return true
      }
      if (this.#slots[slot * SLOT_WORDS] === hash && this.#equals(place, words, first, end, state)) return false
    }
  }

  #equals(place: number, words: Uint32Array, first: number, end: number, state: number): boolean {
    const records = this.#records
    if (records[place] !== state || records[place + 1] !== first || records[place + 2] !== end - first) return false
    for (let i = first; i < end; i++) if (records[place + HEAD_WORDS + i - first] !== words[i]) return false
    return true
  }

  #store(words: Uint32Array, first: number, end: number, state: number): number {
    const place = this.#used
    this.#used += HEAD_WORDS + end - first
    if (this.#used > this.#records.length) {
      const larger = new Uint32Array(Math.max(this.#used, this.#records.length * 2))
      larger.set(this.#records)
      this.#records = larger
    }
    this.#records.set([state, first, end - first], place)
    this.#records.set(words.subarray(first, end), place + HEAD_WORDS)
    return place
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    const mask = this.#slots.length / SLOT_WORDS - 1
    for (let i = 0; i < old.length; i += SLOT_WORDS) {
      const place = old[i + 1]!
      if (place === 0) continue
      let slot = old[i]! & mask
      while (this.#slots[slot * SLOT_WORDS + 1] !== 0) slot = (slot + 1) & mask
      this.#slots[slot * SLOT_WORDS] = old[i]!
      this.#slots[slot * SLOT_WORDS + 1] = place
    }
  }
}

/** Spreads 32 bits over 32 bits (the finisher of MurmurHash3). */
function mix(value: number): number {
  let mixed = value >>> 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
