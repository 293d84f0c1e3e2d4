import { u32Bytes } from '../../primitives/bytes.ts'
import { CALLS, decisionEvent, storageReceiptBytes } from '../../primitives/calls/index.ts'
import type { CallArgs, CallName, ContractName, DecisionEvent, RegisterArgs, Section } from '../../primitives/calls/index.ts'
import { decode, encode } from '../../primitives/codec.ts'
import type { Schema } from '../../primitives/codec.ts'
import { chainIdOf, DEFAULT_PARAMETERS, genesisAccountId } from '../../primitives/genesis.ts'
import type { ChainParameters, Genesis } from '../../primitives/genesis.ts'
import { sha256 } from '../../primitives/hash.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import { createSigner, ed25519KeyId, verify } from '../../primitives/signature.ts'
import type { Signer } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { builtInRegistry, executeBlock, genesisState, ReplayWindow } from '../../contracts/index.ts'
import type { BlockOutcome, Registry } from '../../contracts/index.ts'
import { MemoryState } from './memory-state.ts'

/** 32 bytes that depend on the label alone. */
export const bytes32 = (label: string): Uint8Array => sha256(new TextEncoder().encode(label))
export const signerOf = (label: string): Signer => createSigner(bytes32(`key ${label}`))
/** An opaque tag from a label. */
export const tagOf = (label: string): Uint8Array => bytes32(`tag ${label}`).subarray(0, 16)

export interface Actor { readonly account: Uint8Array; readonly signer: Signer; seq: bigint }

export const START_MS = 1_750_000_000_000n

export function testGenesis(members: number, parameters: ChainParameters = DEFAULT_PARAMETERS): Genesis {
  return {
    v: 1, network: 'test', kind: 'development', timeMs: START_MS, parameters,
    members: Array.from({ length: members }, (_, i) => ({
      member: i + 1, name: `clinic-${i + 1}`, governanceKey: signerOf(`governance ${i + 1}`).publicKey, operatorKey: signerOf(`operator ${i + 1}`).publicKey,
      operatorSealKey: bytes32(`seal ${i + 1}`),
      nodes: [{ node: i + 1, transportKey: signerOf(`transport ${i + 1}`).publicKey, attestationKey: signerOf(`node ${i + 1}`).publicKey, addresses: [`/ip4/127.0.0.1/tcp/${9000 + i}`], certification: new Uint8Array(64) }],
    })),
  }
}

/** A chain in memory: one state, one window, blocks executed on demand. Signatures of transactions are real; the runtime trusts its caller to have checked them. */
export class ContractWorld {
  readonly state = new MemoryState()
  readonly window = new ReplayWindow()
  readonly registry: Registry = builtInRegistry()
  readonly genesis: Genesis
  readonly chain: Uint8Array
  height = 0n
  timeMs = START_MS
  private salts = 0

  constructor(members = 4, parameters: ChainParameters = DEFAULT_PARAMETERS) {
    this.genesis = testGenesis(members, parameters)
    this.chain = chainIdOf(this.genesis)
    genesisState(this.state, this.genesis)
  }

  institution(member: number): Actor {
    return { account: genesisAccountId(this.chain, member), signer: signerOf(`operator ${member}`), seq: 0n }
  }

  transaction<C extends ContractName, N extends CallName<C>>(actor: Pick<Actor, 'account' | 'signer'>, contract: C, call: N, args: CallArgs<C, N>, changes: { validUntil?: bigint, salt?: number } = {}): Transaction {
    const schema = CALLS[contract][call] as unknown as Schema<CallArgs<C, N>>
    const salt = new Uint8Array(16)
    salt.set(u32Bytes(changes.salt ?? ++this.salts))
    return createTransaction({ chain: this.chain, account: actor.account, contract, call, args: encode(schema, args), validUntil: changes.validUntil ?? this.timeMs + 60_000n, salt }, actor.signer)
  }

  /** Executes one block `stepMs` after the last one. The state keeps what a refused block did: tests that go on use a fresh world. */
  block(transactions: readonly Transaction[], stepMs = 1n): BlockOutcome {
    const parentTimeMs = this.timeMs
    this.height += 1n
    this.timeMs += stepMs
    const layer = this.window.layer()
    const outcome = executeBlock(
      { state: this.state, window: layer, registry: this.registry, verified: ({ publicKey, message, signature }) => verify(publicKey, message, signature) },
      { height: this.height, timeMs: this.timeMs, parentTimeMs, chainId: this.chain }, transactions,
    )
    if ('receipts' in outcome) layer.flush(this.timeMs)
    return outcome
  }

  /** One transaction in a block of its own. Throws when the block is refused. */
  run(transaction: Transaction, stepMs = 1n): Receipt {
    const outcome = this.block([transaction], stepMs)
    if ('refused' in outcome) throw new Error(`refused: ${outcome.refused.code}`)
    return outcome.receipts[0]!
  }

  call<C extends ContractName, N extends CallName<C>>(actor: Pick<Actor, 'account' | 'signer'>, contract: C, call: N, args: CallArgs<C, N>): Receipt {
    return this.run(this.transaction(actor, contract, call, args))
  }

  enroll(member: number, kind: CallArgs<'identity', 'enroll'>['kind'], label: string): Actor {
    const signer = signerOf(label)
    const transaction = this.transaction(this.institution(member), 'identity', 'enroll', { kind, signKey: ed25519KeyId(signer.publicKey), sealKey: bytes32(`seal ${label}`) })
    const receipt = this.run(transaction)
    if (receipt.code !== 'OK') throw new Error(receipt.code)
    return { account: transaction.id, signer, seq: 0n }
  }

  certify(member: number, account: Uint8Array, attribute: CallArgs<'identity', 'certify'>['attribute'], value: number, until = this.timeMs + 86_400_000n): Receipt {
    return this.call(this.institution(member), 'identity', 'certify', { account, attribute, value, until })
  }

  /** A registration with receipts of members 1, 2, 3. */
  registration(subject: Uint8Array, record: Uint8Array, sections: readonly Section[], changes: Partial<RegisterArgs> = {}): RegisterArgs {
    const args: Omit<RegisterArgs, 'receipts'> & Partial<RegisterArgs> = { record, version: 1, subject, sections: [...sections], custodians: [1, 2, 3], provenance: { activity: 'create', author: tagOf('author'), source: tagOf('source'), recordedAt: this.timeMs }, ...changes }
    const message = storageReceiptBytes(this.chain, args.record, args.version, args.sections)
    return { receipts: [1, 2, 3].map((node) => ({ node, signature: signerOf(`node ${node}`).sign(message) })), ...args }
  }
}

/** A section with the given tags, padded to 16. */
export function sectionOf(label: string, tags: readonly Uint8Array[] = [], changes: Partial<Section> = {}): Section {
  const padded = [...tags]
  while (padded.length < 16) padded.push(tagOf(`pad ${label} ${padded.length}`))
  padded.sort((a, b) => Buffer.compare(a, b))
  return { commitment: bytes32(`commitment ${label}`), blob: bytes32(`blob ${label}`), size: 1000n, class: 'clinical', confidentiality: 'N', tags: padded, capsule: new Uint8Array(0), ...changes }
}

export function decisionOf(receipt: Receipt): DecisionEvent {
  return decode(decisionEvent, receipt.events[0]!.data)
}
