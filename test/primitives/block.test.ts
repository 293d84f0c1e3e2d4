import fc from 'fast-check'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { BLOCK_LIMITS, blockHashOf, decodeBlock, decodeHeader, encodeBlock, encodeHeader, headerSigningBytes, type BlockHeader } from '../../primitives/block.ts'
import { errorCode } from '../../primitives/error.ts'
import { verify } from '../../primitives/signature.ts'
import { attesterOf, bytes32, SampleChain } from '../../docs/spec/sample-chain.ts'

const sample = new SampleChain([1, 2])
const { chain } = sample
const { envelope, header } = sample.block(2)

t.test('a block larger than its limits is refused before it is looked into', async (t) => {
  const block = decodeBlock(envelope)
  const one = new Uint8Array(64 * 1024)
  const tooLarge = encodeBlock({ ...block, transactions: new Array<Uint8Array>(17).fill(one) })
  t.throws(() => decodeBlock(tooLarge), { code: 'CODEC_TOO_LARGE' })
  t.throws(() => encodeBlock({ ...block, transactions: new Array<Uint8Array>(BLOCK_LIMITS.transactionsMax + 1).fill(new Uint8Array(1)) }), { code: 'CODEC_VALUE_INVALID', details: { path: 'transactions' } })
  t.throws(() => encodeBlock({ ...block, transactions: [new Uint8Array(64 * 1024 + 1)] }), { code: 'CODEC_VALUE_INVALID', details: { path: 'transactions[0]' } })
  t.throws(() => encodeBlock({ ...block, signature: new Uint8Array(63) }), { code: 'CODEC_VALUE_INVALID', details: { path: 'signature' } })
  t.throws(() => decodeHeader(new Uint8Array(BLOCK_LIMITS.headerBytesMax + 1)), { code: 'CODEC_TOO_LARGE' })
  t.doesNotThrow(() => decodeBlock(encodeBlock({ ...block, transactions: new Array<Uint8Array>(16).fill(new Uint8Array(65_500)) })), 'a full megabyte of transactions fits')
})

t.test('every member of a header stands under its hash and its signature', async (t) => {
  const value = decodeHeader(header)
  const others: BlockHeader[] = Object.entries(value).map(([name, member]) => ({ ...value, [name]: typeof member === 'number' ? member + 1 : typeof member === 'bigint' ? member + 1n : bytes32('other') }))
  t.equal(others.length, 15)
  const hashes = new Set([value, ...others].map((each) => toHex(blockHashOf(chain, encodeHeader(each)))))
  t.equal(hashes.size, 16, 'sixteen headers, sixteen hashes')
  const { signature } = decodeBlock(envelope)
  const signs = (bytes: Uint8Array, of = chain): boolean => verify(attesterOf(1).publicKey, headerSigningBytes(of, bytes), signature)
  t.ok(signs(header))
  t.same(others.filter((each) => signs(encodeHeader(each))), [])
  t.notOk(signs(header, bytes32('other chain')))
  t.not(toHex(blockHashOf(bytes32('other chain'), header)), toHex(blockHashOf(chain, header)))
})

t.test('whatever decodes encodes to the very same bytes; everything else has a code', async (t) => {
  const edits = fc.array(fc.record({ at: fc.nat(envelope.length - 1), value: fc.nat(255) }), { minLength: 1, maxLength: 6 })
  fc.assert(fc.property(edits, (list) => {
    const bytes = Uint8Array.from(envelope)
    for (const { at, value } of list) bytes[at] = value
    try {
      const block = decodeBlock(bytes)
      return toHex(encodeBlock(block)) === toHex(bytes) && toHex(encodeHeader(decodeHeader(block.header))) === toHex(block.header)
    } catch (error) {
      return (errorCode(error) ?? '').startsWith('CODEC_')
    }
  }), { numRuns: 4000, seed: 20261121 })
  for (let length = 0; length < envelope.length; length += 5) t.throws(() => decodeBlock(envelope.subarray(0, length)), { code: /^CODEC_/ })
})
