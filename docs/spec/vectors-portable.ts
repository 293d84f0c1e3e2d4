import { toHex, utf8Bytes } from '../../primitives/bytes.ts'
import { decodeBlock, decodeHeader, headerSigningBytes, blockHeader, blockHashOf } from '../../primitives/block.ts'
import { storageReceiptBytes } from '../../primitives/calls/index.ts'
import { attestationBytes, attestationContent, attestationSchema, certificateSchema } from '../../primitives/certificate.ts'
import { array, boolean, bytes, decode, encode, fixedBytes, i64, oneOf, optional, struct, text, toJson, u32, u64, variant, type JsonValue, type Schema } from '../../primitives/codec.ts'
import { genesisAccountId, genesisSchema, nodeCertificationBytes, parametersHash } from '../../primitives/genesis.ts'
import { DOMAINS, domainPrefix, hash, sha256 } from '../../primitives/hash.ts'
import { certificateQuorum, commitQuorum, faultyMax, memberSetHash, memberSetSchema } from '../../primitives/member-set.ts'
import { consistencyPathOf, inclusionPath, leafHash, merkleRoot, rootOfHashes, subtreeOfHashes } from '../../primitives/merkle.ts'
import { finalitySchema, receiptBundle, receiptSchema } from '../../primitives/receipt.ts'
import { canonicalJson, decodeRequestAuth, requestSigningBytes, signRequest } from '../../primitives/request.ts'
import { createSigner, ed25519KeyId, verify } from '../../primitives/signature.ts'
import { releaseQuorum, signedHeadBytes, signedHeadContent, signedHeadSchema } from '../../primitives/signed-head.ts'
import { stateBundle } from '../../primitives/state-bundle.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { EMPTY_STATE_ROOT } from '../../primitives/state-proof.ts'
import { signingBytes, transactionBody } from '../../primitives/transaction.ts'
import { attesterOf, bytes32, SampleChain, sampleStateRoot, signerOf } from './sample-chain.ts'

/** Everything here runs in a browser too, and gives the same bytes there. */
export function portableVectors(): Record<string, unknown> {
  const sample = new SampleChain()
  return {
    codec: codecVectors(), domains: domainVectors(), signature: signatureVectors(), merkle: merkleVectors(), quorums: quorumVectors(), genesis: genesisVectors(sample),
    transaction: transactionVectors(sample), block: blockVectors(sample), receipt: receiptVectors(sample), finality: finalityVectors(sample), state: stateVectors(sample),
    request: requestVectors(sample), signedHead: signedHeadVectors(sample), storageReceipt: storageReceiptVectors(sample),
  }
}

const hexOf = (...parts: readonly Uint8Array[]): string[] => parts.map(toHex)

function codecVectors(): unknown {
  const vector = <T>(name: string, schema: Schema<T>, value: T): { name: string; json: JsonValue; bytes: string } => ({ name, json: toJson(schema, value), bytes: toHex(encode(schema, value)) })
  return [
    vector('u32, one byte', u32, 127), vector('u32, two bytes', u32, 128), vector('u32, three bytes', u32, 256), vector('u32, five bytes', u32, 65536), vector('u32, the largest', u32, 0xffffffff),
    vector('u64 below 2^63', u64, 1n), vector('u64 from 2^63 on', u64, 2n ** 63n), vector('u64, the largest', u64, 2n ** 64n - 1n), vector('i64', i64, -1n), vector('boolean', boolean, true),
    vector('bytes, none', bytes({ max: 10 }), new Uint8Array(0)), vector('bytes', bytes({ max: 300 }), Uint8Array.of(1, 2, 255)), vector('fixedBytes of 256', fixedBytes(256), new Uint8Array(256)),
    vector('text of 31', text({ max: 64 }), 'a'.repeat(31)), vector('text of 32', text({ max: 64 }), 'a'.repeat(32)), vector('text, two bytes a sign', text({ max: 64 }), 'ä'.repeat(16)), vector('oneOf', oneOf('permit', 'deny'), 'deny'),
    vector('optional, absent', optional(u32), null), vector('optional, present', optional(u32), 5), vector('array of 2', array(u32, { max: 20 }), [1, 2]), vector('array of 16', array(u32, { max: 20 }), new Array<number>(16).fill(0)),
    vector('struct, members in byte order of their names', struct({ b: u32, a: u32, B: u32 }), { b: 2, a: 1, B: 3 }), vector('variant', variant({ account: fixedBytes(2), member: u32 }), { kind: 'member', value: 7 }),
  ]
}

function domainVectors(): unknown {
  return DOMAINS.map((domain) => ({ domain, prefix: toHex(domainPrefix(domain)), hashOfNothing: toHex(hash(domain)) }))
}

function signatureVectors(): unknown {
  const seed = bytes32('a signer')
  const { publicKey, sign } = createSigner(seed)
  const message = utf8Bytes('stele')
  const identity = new Uint8Array(32)
  identity[0] = 1
  const anyMessage = new Uint8Array(64)
  anyMessage.set(identity)
  return {
    seed: toHex(seed), publicKey: toHex(publicKey), keyId: toHex(ed25519KeyId(publicKey)), message: toHex(message), signature: toHex(sign(message)),
    // A key of small order signs everything under ZIP215; a verifier that refuses it would fork from one that does not.
    smallOrder: { publicKey: toHex(identity), signature: toHex(anyMessage), valid: verify(identity, message, anyMessage) },
  }
}

function merkleVectors(): unknown {
  const leaves = Array.from({ length: 8 }, (_, i) => utf8Bytes(`leaf ${i}`))
  const hashes = leaves.slice(0, 7).map(leafHash)
  return {
    leaves: leaves.map((_, i) => `leaf ${i}`), roots: Array.from({ length: 9 }, (_, size) => toHex(merkleRoot(leaves.slice(0, size)))),
    inclusion: { index: 3, size: 7, path: hexOf(...inclusionPath(3, leaves.slice(0, 7))) },
    consistency: { size1: 3, size2: 7, path: hexOf(...consistencyPathOf(3, 7, subtreeOfHashes(hashes))), root1: toHex(rootOfHashes(hashes.slice(0, 3))), root2: toHex(rootOfHashes(hashes)) },
  }
}

function quorumVectors(): unknown {
  return [1, 2, 3, 4, 5, 6, 7].map((voters) => ({ voters, commit: commitQuorum(voters), liarsMax: faultyMax(voters), certificate: certificateQuorum(voters), release: releaseQuorum(voters) }))
}

function genesisVectors({ genesis, chain, set }: SampleChain): unknown {
  const [first] = genesis.members
  const [node] = first!.nodes
  return {
    json: toJson(genesisSchema, genesis), bytes: toHex(encode(genesisSchema, genesis)), chain: toHex(chain), account1: toHex(genesisAccountId(chain, 1)),
    parametersHash: toHex(parametersHash(chain, genesis.parameters)), memberSet: toJson(memberSetSchema, set), memberSetBytes: toHex(encode(memberSetSchema, set)), memberSetHash: toHex(memberSetHash(chain, set)),
    nodeCertification: { message: toHex(nodeCertificationBytes({ member: 1, node: 1, transportKey: node!.transportKey, attestationKey: node!.attestationKey })), signature: toHex(node!.certification), governanceKey: toHex(first!.governanceKey) },
  }
}

function transactionVectors(sample: SampleChain): unknown {
  const { body, bodyBytes, id, signatures, bytes: envelope } = sample.block(1).transactions[0]!
  return {
    seed: toHex(bytes32('operator 1')), json: toJson(transactionBody, body), body: toHex(bodyBytes), id: toHex(id), signingBytes: toHex(signingBytes(sample.chain, bodyBytes)), signature: toHex(signatures[0]!),
    envelope: toHex(envelope), leaf: toHex(leafHash(envelope)),
  }
}

function blockVectors(sample: SampleChain): unknown {
  const { header, envelope } = sample.block(2)
  return {
    json: toJson(blockHeader, decodeHeader(header)), header: toHex(header), hash: toHex(blockHashOf(sample.chain, header)), signingBytes: toHex(headerSigningBytes(sample.chain, header)),
    signature: toHex(decodeBlock(envelope).signature), envelope: toHex(envelope), history: hexOf(...sample.hashes.slice(0, 2)), historyRoot: toHex(decodeHeader(header).historyRoot),
  }
}

function receiptVectors(sample: SampleChain): unknown {
  const receipt = sample.block(2).receipts[1]!
  return {
    json: toJson(receiptSchema, decode(receiptSchema, receipt)), bytes: toHex(receipt), leaf: toHex(leafHash(receipt)), bundle: toHex(encode(receiptBundle, sample.bundle(3, 2))), bundleByDescendant: toHex(encode(receiptBundle, sample.bundle(2, 1, 5))),
    bundleJson: toJson(receiptBundle, sample.bundle(3, 2)), bundleByDescendantJson: toJson(receiptBundle, sample.bundle(2, 1, 5)),
  }
}

function finalityVectors(sample: SampleChain): unknown {
  const content = sample.block(2).attestation
  const message = attestationBytes(sample.chain, content)
  const attestation = { content, node: 1, signature: attesterOf(1).sign(message) }
  return {
    content: toJson(attestationContent, content), contentBytes: toHex(encode(attestationContent, content)), signingBytes: toHex(message), signature: toHex(attestation.signature), attestation: toHex(encode(attestationSchema, attestation)),
    certificate: toHex(encode(certificateSchema, sample.certificate(2))), finality: toHex(encode(finalitySchema, sample.finality(2))), finalityByDescendant: toHex(encode(finalitySchema, sample.finality(2, 5))),
  }
}

function stateVectors(sample: SampleChain): unknown {
  const absent = stateKeyOf({ kind: 'consent', id: bytes32('nobody') })
  return {
    emptyRoot: toHex(EMPTY_STATE_ROOT), pairs: sample.state.map(([key, value]) => ({ key: toHex(key), keyHash: toHex(sha256(key)), value: toHex(value) })), root: toHex(sampleStateRoot(sample.state)),
    rootOfOne: toHex(sampleStateRoot(sample.state.slice(0, 1))), present: toHex(encode(stateBundle, sample.stateBundle(2, sample.state[0]![0]))), absent: toHex(encode(stateBundle, sample.stateBundle(2, absent))), absentKey: toHex(absent),
  }
}

function requestVectors({ chain }: SampleChain): unknown {
  const params = { subject: toHex(bytes32('account one')), limit: 50 }
  const auth = signRequest(chain, 'access_audit', params, bytes32('account one'), signerOf('reader'), bytes32('nonce').subarray(0, 16), 1_750_000_000_000)
  const text_ = canonicalJson(params)
  return {
    method: 'access_audit', canonicalParams: text_, paramsHash: toHex(sha256(utf8Bytes(text_))), signingBytes: toHex(requestSigningBytes(chain, 'access_audit', params, decodeRequestAuth(auth))), publicKey: toHex(signerOf('reader').publicKey), auth,
  }
}

function signedHeadVectors(sample: SampleChain): unknown {
  const content = { nonce: bytes32('nonce'), request: bytes32('request'), node: 1, height: 2n, block: sample.hashes[2]!, term: 2, timeMs: 1_750_000_002_500n }
  const message = signedHeadBytes(sample.chain, content)
  return { content: toJson(signedHeadContent, content), signingBytes: toHex(message), bytes: toHex(encode(signedHeadSchema, { content, signature: attesterOf(1).sign(message) })) }
}

function storageReceiptVectors({ chain }: SampleChain): unknown {
  const message = storageReceiptBytes(chain, bytes32('record'), 1, [{ blob: bytes32('blob 0'), size: 116n }, { blob: bytes32('blob 1'), size: 1_048_592n }])
  return { record: toHex(bytes32('record')), version: 1, blobs: [{ blob: toHex(bytes32('blob 0')), size: '116' }, { blob: toHex(bytes32('blob 1')), size: '1048592' }], signingBytes: toHex(message), signature: toHex(attesterOf(1).sign(message)) }
}
