import t from 'tap'
import { createHmac, randomBytes } from 'node:crypto'
import { compareBytes, toHex } from '../../primitives/bytes.ts'
import { createTagDictionary, padTags, tag } from '../../privacy/tags.ts'

const key = new Uint8Array(32).fill(7)
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

t.test('a tag key of another length, a zero character or a lone surrogate is refused', async (t) => {
  t.throws(() => tag(key.subarray(1), 'code', 's', 'v'), { code: 'TAG_INPUT_INVALID', details: { field: 'tagKey' } })
  t.throws(() => tag(key, 'code', 'a\0b', 'v'), { code: 'TAG_INPUT_INVALID', details: { field: 'system' } })
  t.throws(() => tag(key, 'code', 's', 'v\0'), { code: 'TAG_INPUT_INVALID', details: { field: 'value' } })
  t.throws(() => tag(key, 'code', 's', '\ud800'), { code: 'TAG_INPUT_INVALID', details: { field: 'value' } })
  t.throws(() => padTags([new Uint8Array(15)], random), { code: 'TAG_INPUT_INVALID' })
  t.throws(() => padTags(Array.from({ length: 65 }, () => random.bytes(16)), random), { code: 'TAG_INPUT_INVALID', details: { count: 65 } })
})

t.test('a tag is the first half of HMAC-SHA256 over kind, system and value with zeros between', async (t) => {
  const expected = createHmac('sha256', key).update('code\0http://loinc.org\x008302-2').digest().subarray(0, 16)
  t.equal(toHex(tag(key, 'code', 'http://loinc.org', '8302-2')), expected.toString('hex'))
})

t.test('moving the border between system and value, another kind or another key gives another tag', async (t) => {
  const base = toHex(tag(key, 'code', 'ab', 'c'))
  t.not(toHex(tag(key, 'code', 'a', 'bc')), base)
  t.not(toHex(tag(key, 'type', 'ab', 'c')), base)
  t.not(toHex(tag(new Uint8Array(32), 'code', 'ab', 'c')), base)
})

t.test('a padded list is sorted, without duplicates, a multiple of 16, never empty, and holds every real tag', async (t) => {
  for (const [count, length] of [[0, 16], [1, 16], [15, 16], [16, 16], [17, 32], [33, 48], [64, 64]] as const) {
    const real = Array.from({ length: count }, (_, i) => tag(key, 'code', 's', String(i)))
    const padded = padTags([...real, ...real], random)
    t.equal(padded.length, length, `${count} tags`)
    const hex = padded.map(toHex)
    t.equal(new Set(hex).size, length)
    t.ok(real.every((item) => hex.includes(toHex(item))))
    t.ok(padded.every((item, i) => i === 0 || compareBytes(padded[i - 1]!, item) < 0))
  }
})

t.test('a source of randomness that repeats itself is found out instead of looping', async (t) => {
  t.throws(() => padTags([], { bytes: (length) => new Uint8Array(length) }), { code: 'INVARIANT_BROKEN' })
})

t.test('a dictionary names the tags it knows, under its own key only, and rebuilds from its meanings', async (t) => {
  const dictionary = createTagDictionary(key)
  const meaning = { kind: 'code', system: 'http://loinc.org', value: '8302-2' } as const
  const bytes = dictionary.add(meaning)
  t.same(dictionary.meaningOf(bytes), meaning)
  t.equal(dictionary.meaningOf(random.bytes(16)), undefined)
  t.same(createTagDictionary(key, dictionary.meanings()).meaningOf(bytes), meaning)
  t.equal(createTagDictionary(new Uint8Array(32), dictionary.meanings()).meaningOf(bytes), undefined)
})
