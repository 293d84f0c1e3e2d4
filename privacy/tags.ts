import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { compareBytes, concatBytes, toHex, utf8Bytes } from '../primitives/bytes.ts'
import { invariant } from '../primitives/assert.ts'
import { TAG_BYTES, TAGS_PER_SECTION } from '../primitives/calls/labels.ts'
import { SteleError } from '../primitives/error.ts'
import type { Random } from '../primitives/ports.ts'
import { requireLength } from './web-crypto.ts'

/** Opaque tags: what a record is about, readable only with the tag key (DESIGN §5.12). */
export const TAG_LIMITS = {
  /** Length of a tag: HMAC-SHA256 cut to 128 bits, so that chance collisions stay out of reach. */
  tagBytes: TAG_BYTES,
  keyBytes: 32,
  /** A list of tags on the ledger is padded to a multiple of this, so that its length says little. */
  multipleOf: TAGS_PER_SECTION.step,
  /** Tags of one section at most. */
  max: TAGS_PER_SECTION.max,
} as const

/** What a tag speaks about. */
export const TAG_KINDS = ['type', 'code', 'author', 'source'] as const
export type TagKind = (typeof TAG_KINDS)[number]

/** What a tag stands for: for example kind `code`, system `http://loinc.org`, value `8302-2`. */
export interface TagMeaning { readonly kind: TagKind; readonly system: string; readonly value: string }

const ZERO = Uint8Array.of(0)

/**
 * HMAC-SHA256(tagKey, kind ‖ 0 ‖ system ‖ 0 ‖ value), its first 16 bytes; texts in UTF-8, byte for byte as given.
 * Equal meanings under one key have equal tags, under two keys nothing in common. `TAG_INPUT_INVALID` for a key that is
 * not 32 bytes, or a kind or system holding U+0000 (it separates) or ill-formed text (two texts would share one tag).
 */
export function tag(tagKey: Uint8Array, kind: TagKind, system: string, value: string): Uint8Array {
  requireLength('TAG_INPUT_INVALID', 'tagKey', tagKey, TAG_LIMITS.keyBytes)
  for (const [field, text] of [['kind', kind], ['system', system], ['value', value]] as const) {
    if (text.includes('\0') || !text.isWellFormed()) {
      throw new SteleError({ code: 'TAG_INPUT_INVALID', message: 'a part of a tag must be well-formed text without U+0000', details: { field } })
    }
  }
  const message = concatBytes(utf8Bytes(kind), ZERO, utf8Bytes(system), ZERO, utf8Bytes(value))
  return hmac(sha256, tagKey, message).slice(0, TAG_LIMITS.tagBytes)
}

/**
 * The list as it goes on the ledger: duplicates removed, random tags added up to the next multiple of 16 (never empty), in byte order.
 * A padding tag equals a real one with probability 2⁻¹²⁸, so it matches no consent.
 * `TAG_INPUT_INVALID` for more than 64 different tags or one of another length.
 */
export function padTags(tags: readonly Uint8Array[], random: Pick<Random, 'bytes'>): Uint8Array[] {
  const unique = new Map<string, Uint8Array>()
  for (const item of tags) {
    requireLength('TAG_INPUT_INVALID', 'tag', item, TAG_LIMITS.tagBytes)
    unique.set(toHex(item), item)
  }
  if (unique.size > TAG_LIMITS.max) throw new SteleError({ code: 'TAG_INPUT_INVALID', message: 'a section has too many tags', details: { field: 'tags', count: unique.size, max: TAG_LIMITS.max } })
  const wanted = Math.max(1, Math.ceil(unique.size / TAG_LIMITS.multipleOf)) * TAG_LIMITS.multipleOf
  for (let drawn = 0; unique.size < wanted; drawn++) {
    invariant(drawn < 8 * TAG_LIMITS.multipleOf, 'the source of randomness repeats itself')
    const padding = random.bytes(TAG_LIMITS.tagBytes)
    unique.set(toHex(padding), padding)
  }
  return [...unique.values()].sort(compareBytes)
}

/** What the holders of a tag key can say about tags: from the meanings they know, never from the tag alone. */
export interface TagDictionary {
  /** The tag of `meaning`, which the dictionary knows from then on. */
  add(meaning: TagMeaning): Uint8Array
  /** Undefined for padding and for meanings never added. */
  meaningOf(tag: Uint8Array): TagMeaning | undefined
  /** In the order they were added; with the tag key this rebuilds the dictionary. */
  meanings(): readonly TagMeaning[]
}

/** A dictionary over one tag key. Keep it where the key is kept: both are erased together. */
export function createTagDictionary(tagKey: Uint8Array, meanings: Iterable<TagMeaning> = []): TagDictionary {
  const known = new Map<string, TagMeaning>()
  const add = (meaning: TagMeaning): Uint8Array => {
    const bytes = tag(tagKey, meaning.kind, meaning.system, meaning.value)
    known.set(toHex(bytes), { kind: meaning.kind, system: meaning.system, value: meaning.value })
    return bytes
  }
  for (const meaning of meanings) add(meaning)
  return {
    add,
    meaningOf: (bytes) => known.get(toHex(bytes)),
    meanings: () => [...known.values()],
  }
}
