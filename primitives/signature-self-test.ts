import { fromHex, utf8Bytes } from './bytes.ts'
import { SteleError } from './error.ts'
import { createSigner, verify } from './signature.ts'

/** Every encoding of a point of small order, the non-canonical ones included: under ZIP215 each is a key, and each stands for R with S = 0 (Henry de Valence, "It's 255:19AM", 2020). */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000', '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000', '0100000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
] as const
/** The order of the group, little-endian: S + L is the malleated twin of S. */
const GROUP_ORDER = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')

/** The cases and the verdict each must have: 14 that strict verifiers refuse, a plain one, and six that no rule may accept. */
function* cases(): Generator<{ readonly name: string; readonly verdict: boolean; readonly expected: boolean }> {
  const message = utf8Bytes('self-test')
  for (const [i, point] of SMALL_ORDER.entries()) {
    const signature = new Uint8Array(64)
    signature.set(fromHex(SMALL_ORDER[(i * 5 + 3) % SMALL_ORDER.length]!))
    yield { name: `small order ${i}`, verdict: verify(fromHex(point), message, signature), expected: true }
  }
  const { publicKey, sign } = createSigner(new Uint8Array(32).fill(42))
  const good = sign(message)
  yield { name: 'plain', verdict: verify(publicKey, message, good), expected: true }
  yield { name: 'other message', verdict: verify(publicKey, utf8Bytes('self-tesu'), good), expected: false }
  yield { name: 'other key', verdict: verify(createSigner(new Uint8Array(32).fill(43)).publicKey, message, good), expected: false }
  yield { name: 'S + L', verdict: verify(publicKey, message, malleated(good)), expected: false }
  yield { name: 'R altered', verdict: verify(publicKey, message, good.map((byte, i) => (i === 0 ? byte ^ 1 : byte))), expected: false }
  yield { name: 'S altered', verdict: verify(publicKey, message, good.map((byte, i) => (i === 32 ? byte ^ 1 : byte))), expected: false }
  yield { name: 'short', verdict: verify(publicKey, message, good.subarray(0, 63)), expected: false }
}

function malleated(signature: Uint8Array): Uint8Array {
  const out = Uint8Array.from(signature)
  let carry = 0
  for (let i = 0; i < 32; i++) {
    carry += out[32 + i]! + GROUP_ORDER[i]!
    out[32 + i] = carry & 255
    carry >>= 8
  }
  return out
}

/** Checks at start that this build's verifier follows ZIP215: another accept set would part this node from the others. Throws `SIGNATURE_SELF_TEST_FAILED` naming the case. */
export function signatureSelfTest(): void {
  for (const { name, verdict, expected } of cases()) {
    if (verdict !== expected) throw new SteleError({ code: 'SIGNATURE_SELF_TEST_FAILED', message: 'the signature library does not follow the rule of the chain; do not run this build', details: { case: name, verdict, expected } })
  }
}
