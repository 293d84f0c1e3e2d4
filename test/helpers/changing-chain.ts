import { blockHashOf, encodeHeader } from '../../primitives/block.ts'
import { attestationBytes, type AttestationContent, type Certificate } from '../../primitives/certificate.ts'
import { encode } from '../../primitives/codec.ts'
import { chainIdOf, DEFAULT_PARAMETERS, genesisMemberSet, parametersHash } from '../../primitives/genesis.ts'
import { certificateQuorum, memberSetHash, type MemberSet } from '../../primitives/member-set.ts'
import { activationRoot, type MemberSetLink } from '../../primitives/member-history.ts'
import { EMPTY_ROOT, inclusionPath, inclusionPathOf, leafHash, merkleRoot, rootOfHashes, subtreeOfHashes } from '../../primitives/merkle.ts'
import type { ProofBundle } from '../../primitives/proof-bundle.ts'
import { receiptSchema } from '../../primitives/receipt.ts'
import { utf8Bytes } from '../../primitives/bytes.ts'
import { attesterOf, bytes32, sampleGenesis, sampleStateProof, sampleStateRoot, signerOf } from '../../docs/spec/sample-chain.ts'

type Pairs = readonly (readonly [Uint8Array, Uint8Array])[]
interface Block { readonly header: Uint8Array; readonly hash: Uint8Array; readonly state: Pairs; readonly receipts: readonly Uint8Array[]; readonly set: MemberSet; readonly attestation: AttestationContent }

/** Key and value that stand in the state from block 1 on. */
export const KNOWN: readonly [Uint8Array, Uint8Array] = [Uint8Array.of(9, 1, 1), utf8Bytes('a value')]
const voter = (node: number) => ({ node, member: node, attestationKey: attesterOf(node).publicKey, governanceKey: signerOf(`governance ${node}`).publicKey })
export const setOf = (...nodes: number[]): MemberSet => ({ epoch: 0, voters: nodes.map(voter) })

/** A chain of real blocks and signatures whose voters change: `changes` maps a height to the set that votes after it. Every other block holds one receipt. */
export class ChangingChain {
  readonly genesis = sampleGenesis()
  readonly chain = chainIdOf(this.genesis)
  readonly first = genesisMemberSet(this.genesis)
  readonly hashes: Uint8Array[] = [this.chain]
  readonly blocks: Block[] = []
  readonly #changes: ReadonlyMap<number, MemberSet>

  constructor(length: number, changes: readonly (readonly [height: number, set: MemberSet])[]) {
    this.#changes = new Map(changes)
    let set = this.first
    for (let height = 1; height <= length; height++) {
      const next = this.#changes.get(height) ?? set
      this.#cut(height, set)
      set = next
    }
  }

  block(height: number): Block { return this.blocks[height - 1]! }

  certificate(height: number, nodes?: readonly number[]): Certificate {
    const { attestation, set } = this.block(height)
    const message = attestationBytes(this.chain, attestation)
    const signers = nodes ?? set.voters.slice(0, certificateQuorum(set.voters.length)).map(({ node }) => node)
    return { content: attestation, signatures: signers.map((node) => ({ node, signature: attesterOf(node).sign(message) })) }
  }

  link(height: number): MemberSetLink {
    return { kind: 'change', value: { header: this.block(height).header, certificate: this.certificate(height), set: this.#changes.get(height)! } }
  }

  historyPath(height: number, size: number): Uint8Array[] {
    return inclusionPathOf(height, size, subtreeOfHashes(this.hashes.map(leafHash)))
  }

  /** Everything about one receipt and one state key, certified at `certified`; from the block at `from` where it is given. */
  bundle({ receiptAt, stateAt, key = KNOWN[0], certified, from }: { readonly receiptAt?: number; readonly stateAt?: number; readonly key?: Uint8Array; readonly certified: number; readonly from?: number }): ProofBundle {
    const earlier = (height: number) => (height === certified ? null : { header: this.block(height).header, path: this.historyPath(height, certified) })
    const links = [...this.#changes.keys()].filter((height) => height < certified && height >= (from ?? 1)).map((height) => this.link(height))
    return {
      v: 1, chain: this.chain, links, certified: { header: this.block(certified).header, certificate: this.certificate(certified) },
      start: from === undefined ? null : { header: this.block(from).header, set: this.block(from).set, path: earlier(from)?.path ?? [] },
      receipt: receiptAt === undefined ? null : { block: earlier(receiptAt), receipt: this.block(receiptAt).receipts[0]!, position: 0, path: inclusionPath(0, this.block(receiptAt).receipts) },
      state: stateAt === undefined ? null : { block: earlier(stateAt), key, value: key === KNOWN[0] ? KNOWN[1] : null, proof: sampleStateProof(this.block(stateAt).state, key) },
    }
  }

  #cut(height: number, set: MemberSet): void {
    const { chain } = this
    const state: Pairs = [KNOWN, [Uint8Array.of(9, 8), bytes32('one')], [Uint8Array.of(9, 9), bytes32('other')]]
    const receipts = this.#changes.has(height) ? [] : [encode(receiptSchema, { tx: bytes32(`tx ${height}`), position: 0, code: 'OK', cost: 1, events: [] })]
    const stateRoot = sampleStateRoot(state)
    const header = encodeHeader({
      v: 1, chain, epoch: 0, height: BigInt(height), term: 1, parent: this.hashes[height - 1]!, txRoot: EMPTY_ROOT, eventRoot: this.#changes.has(height) ? activationRoot(this.#changes.get(height)!) : merkleRoot(receipts), historyRoot: rootOfHashes(this.hashes.map(leafHash)),
      stateRoot, memberSet: memberSetHash(chain, set), parameters: parametersHash(chain, DEFAULT_PARAMETERS), timeMs: BigInt(1000 * height), proposer: 1, count: receipts.length,
    })
    const hash = blockHashOf(chain, header)
    this.hashes.push(hash)
    this.blocks.push({ header, hash, state, receipts, set, attestation: { v: 1, epoch: 0, height: BigInt(height), term: 1, block: hash, stateRoot, memberSet: memberSetHash(chain, set) } })
  }
}
