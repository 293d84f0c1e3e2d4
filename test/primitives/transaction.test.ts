import fc from 'fast-check'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { ed25519KeyId, verify } from '../../primitives/signature.ts'
import { createTransaction, decodeTransaction, signatureItems, signingBytes, transactionBody, transactionEnvelope, transactionIdOf, TRANSACTION_LIMITS, type TransactionBody } from '../../primitives/transaction.ts'
import { bytes32, SampleChain, signerOf } from '../../docs/spec/sample-chain.ts'

const sample = new SampleChain([1])
const { chain } = sample
const good = sample.block(1).transactions[0]!

/** Bytes of the sample transaction with a changed body or other signatures; the signature is that of the original unless told. */
const bent = (changes: Partial<TransactionBody>, signatures = good.signatures): Uint8Array =>
  encode(transactionEnvelope, { body: encode(transactionBody, { ...good.body, ...changes }), signatures: [...signatures] })

function codeOf(bytes: Uint8Array, of = chain): string | undefined {
  try {
    decodeTransaction(bytes, of)
    return undefined
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}
const signed = (bytes: Uint8Array): boolean => signatureItems(decodeTransaction(bytes, chain)).every(({ publicKey, message, signature }) => verify(publicKey, message, signature))

t.test('what does not belong here is refused with its rule', async (t) => {
  t.equal(codeOf(bent({ v: 2 })), 'TX_VERSION_UNKNOWN')
  t.equal(codeOf(bent({ v: 0 })), 'TX_VERSION_UNKNOWN')
  t.equal(codeOf(good.bytes, bytes32('other chain')), 'TX_WRONG_CHAIN')
  t.equal(codeOf(bent({ signers: [Uint8Array.of(2, ...signerOf('a').publicKey)] })), 'TX_KEY_UNKNOWN_ALGORITHM')
  for (const [changes, path] of [
    [{ signers: [] }, 'signers'], [{ signers: [ed25519KeyId(bytes32('a')), ed25519KeyId(bytes32('b'))] }, 'signers'], [{ salt: new Uint8Array(15) }, 'salt'],
    [{ contract: 'Identity' }, 'contract'], [{ call: 'a b' }, 'call'], [{ call: 'a'.repeat(33) }, 'call'], [{ args: new Uint8Array(TRANSACTION_LIMITS.argumentBytesMax + 1) }, 'args'], [{ account: new Uint8Array(31) }, 'account'],
  ] as [Partial<TransactionBody>, string][]) t.throws(() => bent(changes), { code: 'CODEC_VALUE_INVALID', details: { path } }, path)
  t.throws(() => encode(transactionEnvelope, { body: good.bodyBytes, signatures: [] }), { code: 'CODEC_VALUE_INVALID', details: { path: 'signatures' } }, 'a transaction stripped of its signature has no form')
  const large = bent({ args: new Uint8Array(TRANSACTION_LIMITS.argumentBytesMax) })
  t.equal(codeOf(large), undefined, 'the largest arguments fit')
  t.equal(codeOf(new Uint8Array(TRANSACTION_LIMITS.transactionBytesMax + 1)), 'CODEC_TOO_LARGE')
})

t.test('the signature covers every member of the body', async (t) => {
  t.ok(signed(good.bytes))
  const others: Partial<TransactionBody>[] = [
    { account: bytes32('other') }, { contract: 'consent' }, { call: 'suspend' }, { args: Uint8Array.of(0x80) }, { validUntil: good.body.validUntil + 1n }, { salt: new Uint8Array(16) }, { signers: [ed25519KeyId(signerOf('other').publicKey)] },
  ]
  for (const changes of others) t.notOk(signed(bent(changes)), Object.keys(changes)[0]!)
  t.notOk(verify(signerOf('operator 1').publicKey, signingBytes(bytes32('other chain'), good.bodyBytes), good.signatures[0]!), 'and the chain')
})

t.test('the id is of the body alone: who bends a signature cannot give the transaction another id', async (t) => {
  const spoiled = encode(transactionEnvelope, { body: good.bodyBytes, signatures: [new Uint8Array(64)] })
  t.equal(toHex(decodeTransaction(spoiled, chain).id), toHex(good.id))
  t.notSame(spoiled, good.bytes, 'while the leaf of the transaction root differs')
  t.not(toHex(transactionIdOf(bytes32('other chain'), good.bodyBytes)), toHex(good.id))
})

t.test('equal calls differ by their salt alone', async (t) => {
  const { v: _, signers: __, ...body } = good.body
  const again = createTransaction(body, signerOf('operator 1'))
  t.same(again.bytes, good.bytes, 'the same body gives the same bytes: signatures are deterministic')
  t.not(toHex(createTransaction({ ...body, salt: new Uint8Array(16).fill(1) }, signerOf('operator 1')).id), toHex(good.id))
})

t.test('no flipped bit leaves a valid signed transaction, and none crashes the reader', async (t) => {
  const bytes = Uint8Array.from(good.bytes)
  let readable = 0
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    const code = codeOf(bytes)
    if (code === undefined) {
      readable++
      // Verifying every one would cost seconds; one in five shows that what still reads is no longer signed.
      if (bit % 5 === 0 && signed(bytes)) t.fail(`bit ${bit} may be flipped`)
    } else if (!/^(CODEC|TX)_/.test(code)) t.fail(`bit ${bit}: ${code}`)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
  }
  t.ok(readable > 500, `${readable} of ${8 * bytes.length} bent transactions could be read`)
})

t.test('whatever decodes encodes to the very same bytes; everything else has a code', async (t) => {
  const edits = fc.array(fc.record({ at: fc.nat(good.bytes.length - 1), value: fc.nat(255) }), { minLength: 1, maxLength: 6 })
  fc.assert(fc.property(edits, fc.nat(3), (list, cut) => {
    const bytes = Uint8Array.from(good.bytes.subarray(0, good.bytes.length - (cut === 3 ? 9 : 0)))
    for (const { at, value } of list) if (at < bytes.length) bytes[at] = value
    try {
      const { bodyBytes, body, signatures } = decodeTransaction(bytes, chain)
      return toHex(encode(transactionBody, body)) === toHex(bodyBytes) && toHex(encode(transactionEnvelope, { body: bodyBytes, signatures: [...signatures] })) === toHex(bytes)
    } catch (error) {
      return /^(CODEC|TX)_/.test(errorCode(error) ?? '')
    }
  }), { numRuns: 4000, seed: 20261121 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => /^(CODEC|TX)_/.test(codeOf(bytes) ?? '')), { numRuns: 2000, seed: 3 })
})

t.test('a decoded transaction tells, as views, what was put in, though its bytes lie somewhere in a larger buffer', async (t) => {
  const buffer = new Uint8Array(good.bytes.length + 20)
  buffer.set(good.bytes, 13)
  const read = decodeTransaction(buffer.subarray(13, 13 + good.bytes.length), chain)
  const { body } = read
  t.same({ v: body.v, chain: body.chain, account: body.account, signers: body.signers, contract: body.contract, call: body.call, args: body.args, validUntil: body.validUntil, salt: body.salt }, good.body)
  t.same([read.id, read.key, read.bodyBytes, read.signatures, read.bytes], [good.id, good.key, good.bodyBytes, good.signatures, good.bytes])
  t.ok([body.account, body.args, body.salt, ...body.signers, read.bodyBytes, ...read.signatures].every((each) => each.buffer === buffer.buffer))
})
