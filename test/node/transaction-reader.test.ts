import t from 'tap'
import { TransactionReader } from '../../node/transaction-reader.ts'
import { utf8Bytes } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { createSigner, verify } from '../../primitives/signature.ts'
import { createTransaction, transactionEnvelope } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'

const chain = new Uint8Array(32).fill(7)
const signer = createSigner(new Uint8Array(32).fill(1))
const made = (salt: number): Transaction => createTransaction({ chain, account: new Uint8Array(32), contract: 'records', call: 'register', args: utf8Bytes('x'), validUntil: 1n, salt: new Uint8Array(16).fill(salt) }, signer)

function reader(): { reader: TransactionReader; verified: () => number } {
  let count = 0
  return {
    reader: new TransactionReader(chain, (items) => {
      count += items.length
      return Promise.resolve(items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature)))
    }),
    verified: () => count,
  }
}

t.test('the same bytes are decoded and verified once', async (t) => {
  const { reader: one, verified } = reader()
  const { bytes } = made(1)
  const first = one.read(bytes)
  t.ok(await one.verifyOne(first))
  t.equal(one.read(Uint8Array.from(bytes)), first)
  t.same(await one.verify([one.read(Uint8Array.from(bytes))]), [true])
  t.equal(verified(), 1)
})

t.test('a transaction under the signature of another is another one, is not valid, and takes nothing from the first', async (t) => {
  const { reader: one, verified } = reader()
  const [good, other] = [made(1), made(2)]
  const forged = encode(transactionEnvelope, { body: other.bodyBytes, signatures: [...good.signatures] })
  for (const [first, second] of [[good.bytes, forged], [forged, good.bytes]] as const) {
    const { reader: each } = reader()
    const [a, b] = [each.read(first), each.read(second)]
    t.not(a, b)
    t.same(await each.verify([a, b]), [first === good.bytes, second === good.bytes])
  }
  const known = one.read(good.bytes)
  t.ok(await one.verifyOne(known))
  t.notOk(await one.verifyOne(one.read(forged)))
  t.notOk(one.isVerified(one.read(forged)))
  t.equal(one.read(good.bytes), known)
  t.ok(one.isVerified(known))
  t.equal(verified(), 2)
})

t.test('what was forgotten is read and verified again, and a stranger with its tail stays out of the way', async (t) => {
  const { reader: one, verified } = reader()
  const { bytes } = made(1)
  const first = one.read(bytes)
  await one.verifyOne(first)
  one.forget([first, made(2), one.readOnce(made(3).bytes)])
  const again = one.read(bytes)
  t.not(again, first)
  t.notOk(one.isVerified(again))
  t.ok(await one.verifyOne(again))
  t.equal(verified(), 2)
  const copied = one.read(Uint8Array.of(...encode(transactionEnvelope, { body: made(4).bodyBytes, signatures: [...first.signatures] })))
  one.forget([copied])
  t.equal(one.read(bytes), again, 'only who is remembered is forgotten')
})
