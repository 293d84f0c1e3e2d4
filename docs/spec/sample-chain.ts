import { blockHashOf, encodeBlock, encodeHeader, headerSigningBytes } from '../../primitives/block.ts'
import { compareBytes, concatBytes, utf8Bytes } from '../../primitives/bytes.ts'
import { identityCalls, identityEvents } from '../../primitives/calls/index.ts'
import { attestationBytes, type AttestationContent, type Certificate } from '../../primitives/certificate.ts'
import { encode } from '../../primitives/codec.ts'
import { chainIdOf, DEFAULT_PARAMETERS, genesisAccountId, genesisMemberSet, nodeCertificationBytes, parametersHash, type Genesis } from '../../primitives/genesis.ts'
import { sha256 } from '../../primitives/hash.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import { inclusionPath, inclusionPathOf, leafHash, merkleRoot, rootOfHashes, subtreeOfHashes } from '../../primitives/merkle.ts'
import { receiptSchema, type Finality, type ReceiptBundle } from '../../primitives/receipt.ts'
import { createSigner, ed25519KeyId, type Signer } from '../../primitives/signature.ts'
import type { StateBundle } from '../../primitives/state-bundle.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { EMPTY_STATE_ROOT, type StateProof } from '../../primitives/state-proof.ts'
import { createTransaction, type Transaction } from '../../primitives/transaction.ts'

// A small chain whose every byte follows from labels: what the published vectors and the tests of the formats are made of.

/** 32 bytes that depend on the label alone: keys, ids and salts of the sample. */
export const bytes32 = (label: string): Uint8Array => sha256(utf8Bytes(`stele sample: ${label}`))
export const signerOf = (label: string): Signer => createSigner(bytes32(label))
export const attesterOf = (node: number): Signer => signerOf(`attestation ${node}`)

const GENESIS_MS = 1_750_000_000_000n
const NAMES = ['hospital-a', 'clinic-b', 'lab-c', 'institute-d']

export function sampleGenesis(members = 4): Genesis {
  return {
    v: 1, network: 'sample', kind: 'development', timeMs: GENESIS_MS, parameters: DEFAULT_PARAMETERS,
    members: NAMES.slice(0, members).map((name, i) => {
      const member = i + 1
      const keys = { transportKey: signerOf(`transport ${member}`).publicKey, attestationKey: attesterOf(member).publicKey }
      return {
        member, name, governanceKey: signerOf(`governance ${member}`).publicKey, operatorKey: signerOf(`operator ${member}`).publicKey, operatorSealKey: bytes32(`operator seal ${member}`),
        nodes: [{ node: member, ...keys, addresses: [`/ip4/127.0.0.1/tcp/${7000 + member}`], certification: signerOf(`governance ${member}`).sign(nodeCertificationBytes({ member, node: member, ...keys })) }],
      }
    }),
  }
}

export interface SampleBlock {
  readonly header: Uint8Array
  readonly envelope: Uint8Array
  readonly hash: Uint8Array
  readonly transactions: readonly Transaction[]
  readonly receipts: readonly Uint8Array[]
  readonly attestation: AttestationContent
}

/** A chain of `sizes.length` blocks; block i + 1 holds `sizes[i]` transactions, each an enrolment with one event. */
export class SampleChain {
  readonly genesis: Genesis = sampleGenesis()
  readonly chain = chainIdOf(this.genesis)
  readonly set = genesisMemberSet(this.genesis)
  /** State of every block: three keys. The values are not what a node would store; proofs do not look into them. */
  readonly state: readonly (readonly [Uint8Array, Uint8Array])[] = ['one', 'two', 'three'].map((name) => [stateKeyOf({ kind: 'account', id: bytes32(`account ${name}`) }), utf8Bytes(`value ${name}`)])
  /** Index 0 stands for genesis, whose hash is the chain id. */
  readonly hashes: Uint8Array[] = [this.chain]
  readonly blocks: SampleBlock[] = []

  constructor(sizes: readonly number[] = [1, 2, 5, 1, 3]) {
    for (const [i, size] of sizes.entries()) this.#cut(i + 1, size)
  }

  transaction(label: string): Transaction {
    const args = encode(identityCalls.enroll, { kind: 'patient', signKey: ed25519KeyId(signerOf(`sign ${label}`).publicKey), sealKey: bytes32(`seal ${label}`) })
    return createTransaction({
      chain: this.chain, account: genesisAccountId(this.chain, 1), contract: 'identity', call: 'enroll', args, validUntil: GENESIS_MS + 300_000n, salt: bytes32(`salt ${label}`).subarray(0, 16),
    }, signerOf('operator 1'))
  }

  block(height: number): SampleBlock { return this.blocks[height - 1]! }

  certificate(height: number, nodes: readonly number[] = [1, 2, 3], changes: Partial<AttestationContent> = {}): Certificate {
    const content = { ...this.block(height).attestation, ...changes }
    const message = attestationBytes(this.chain, content)
    return { content, signatures: nodes.map((node) => ({ node, signature: attesterOf(node).sign(message) })) }
  }

  /** Proof that `height` is final by the certificate of `certified` ≥ `height`. */
  finality(height: number, certified = height, nodes?: readonly number[]): Finality {
    const certificate = this.certificate(certified, nodes)
    if (certified === height) return { certificate, descendant: null }
    return { certificate, descendant: { header: this.block(certified).header, path: this.historyPath(height, certified) } }
  }

  historyPath(height: number, size: number): Uint8Array[] {
    return inclusionPathOf(height, size, subtreeOfHashes(this.hashes.map(leafHash)))
  }

  bundle(height: number, position: number, certified = height, nodes?: readonly number[]): ReceiptBundle {
    const { receipts, header } = this.block(height)
    return { v: 1, chain: this.chain, receipt: receipts[position]!, position, path: inclusionPath(position, receipts), header, finality: this.finality(height, certified, nodes), height: BigInt(height) }
  }

  stateBundle(height: number, key: Uint8Array, certified = height): StateBundle {
    const value = this.state.find(([known]) => compareBytes(known, key) === 0)?.[1] ?? null
    return { v: 1, chain: this.chain, key, value, header: this.block(height).header, finality: this.finality(height, certified), proof: sampleStateProof(this.state, key) }
  }

  #cut(height: number, size: number): void {
    const { chain, set } = this
    const transactions = Array.from({ length: size }, (_, i) => this.transaction(`${height}/${i}`))
    const receipts = transactions.map(({ id }, position) => encode(receiptSchema, {
      tx: id, position, code: 'OK', cost: 21, events: [{ contract: 'identity', name: 'enrolled', data: encode(identityEvents.enrolled, { account: id, kind: 'patient', member: 1 }) }],
    }))
    const stateRoot = sampleStateRoot(this.state)
    const term = 2
    const header = encodeHeader({
      v: 1, chain, epoch: 0, height: BigInt(height), term, parent: this.hashes[height - 1]!, txRoot: merkleRoot(transactions.map(({ bytes }) => bytes)), eventRoot: merkleRoot(receipts),
      historyRoot: rootOfHashes(this.hashes.map(leafHash)), stateRoot, memberSet: memberSetHash(chain, set), parameters: parametersHash(chain, this.genesis.parameters),
      timeMs: GENESIS_MS + BigInt(1000 * height), proposer: 1, count: size,
    })
    const hash = blockHashOf(chain, header)
    this.hashes.push(hash)
    this.blocks.push({
      header, hash, transactions, receipts, envelope: encodeBlock({ header, signature: attesterOf(1).sign(headerSigningBytes(chain, header)), transactions: transactions.map(({ bytes }) => bytes) }),
      attestation: { v: 1, epoch: 0, height: BigInt(height), term, block: hash, stateRoot, memberSet: memberSetHash(chain, set) },
    })
  }
}

type Pairs = readonly (readonly [Uint8Array, Uint8Array])[]
const bitOf = (hash: Uint8Array, depth: number): number => (hash[depth >> 3]! >> (7 - (depth & 7))) & 1
const inner = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concatBytes(utf8Bytes('JMT::IntrnalNode'), left, right))

/** The Jellyfish Merkle root of a few pairs, by its definition: a subtree with one key is that key's leaf, an empty one the placeholder. */
export function sampleStateRoot(pairs: Pairs, depth = 0): Uint8Array {
  if (pairs.length === 0) return EMPTY_STATE_ROOT
  if (pairs.length === 1) return sha256(concatBytes(utf8Bytes('JMT::LeafNode'), sha256(pairs[0]![0]), sha256(pairs[0]![1])))
  const side = (bit: number): Pairs => pairs.filter(([key]) => bitOf(sha256(key), depth) === bit)
  return inner(sampleStateRoot(side(0), depth + 1), sampleStateRoot(side(1), depth + 1))
}

export function sampleStateProof(pairs: Pairs, key: Uint8Array): StateProof {
  const siblings: Uint8Array[] = []
  let rest = pairs
  for (let depth = 0; rest.length > 1; depth++) {
    const own = bitOf(sha256(key), depth)
    const at = depth
    siblings.unshift(sampleStateRoot(rest.filter(([other]) => bitOf(sha256(other), at) !== own), depth + 1))
    rest = rest.filter(([other]) => bitOf(sha256(other), at) === own)
  }
  const [last] = rest
  return { leaf: last === undefined ? null : { keyHash: sha256(last[0]), valueHash: sha256(last[1]) }, siblings }
}
