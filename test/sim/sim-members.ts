import { configurationIn, nodesIn } from '../../node/node-roster.ts'
import { configurationOf } from '../../consensus/core/reconfiguration.ts'
import type { Configuration } from '../../consensus/core/reconfiguration.ts'
import { activate, firstStage } from '../../contracts/membership/activation.ts'
import type { VoterChange } from '../../contracts/membership/activation.ts'
import { governanceTable } from '../../contracts/membership/tables.ts'
import { genesisState, pendingStep, readGovernance, readMember, readMemberSet, readRoster } from '../../contracts/index.ts'
import type { PendingStep } from '../../contracts/index.ts'
import { readerOf, writerOf } from '../../contracts/runtime/table.ts'
import type { Reader, Writer } from '../../contracts/runtime/table.ts'
import { u32Bytes } from '../../primitives/bytes.ts'
import type { MembershipChange } from '../../primitives/calls/membership.ts'
import { DEFAULT_PARAMETERS, chainIdOf } from '../../primitives/genesis.ts'
import type { Genesis, GenesisMember, GenesisNode } from '../../primitives/genesis.ts'
import { sha256 } from '../../primitives/hash.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import { CHAIN, publicKeyOf } from './keys.ts'

/** Transactions from this number on are decisions of the members: what they decide follows from the number and the state. */
export const CHANGES_FROM = 3_000_000_000
const OPERATIONS = ['add', 'remove', 'replace', 'withdraw'] as const
export type ChangeOperation = (typeof OPERATIONS)[number]

/** The transaction that decides on `operation`; `which` picks the member that leaves, and makes it unique. */
export function changeTransaction(operation: ChangeOperation, which: number): number {
  return CHANGES_FROM + which * OPERATIONS.length + OPERATIONS.indexOf(operation)
}

const keyOf = (kind: number, id: number): Uint8Array => sha256(u32Bytes(kind * 1_000_000 + id))
const proposedNode = (node: number): GenesisNode => ({ node, transportKey: keyOf(1, node), attestationKey: publicKeyOf(node), addresses: [], certification: new Uint8Array(64) })
const memberKeys = (member: number): Pick<GenesisMember, 'member' | 'name' | 'governanceKey' | 'operatorKey' | 'operatorSealKey'> =>
  ({ member, name: `m${member}`, governanceKey: keyOf(2, member), operatorKey: keyOf(3, member), operatorSealKey: keyOf(4, member) })

/**
 * What the state says of the members at one height, in the tables of the production contract and moved on by its activations; proposals and ballots are left out, a
 * decision is a transaction. Never changed: each step gives a new one.
 */
export class SimMembers {
  readonly reader: Reader
  readonly step: PendingStep | undefined
  /** For the invariants, read off the roster. */
  readonly configuration: Configuration
  readonly set: MemberSet
  readonly setHash: Uint8Array
  /** Every node that takes part or leaves, with or without a vote. */
  readonly nodes: readonly number[]
  readonly #rows: ReadonlyMap<string, Uint8Array>
  readonly #chain: Uint8Array

  private constructor(rows: ReadonlyMap<string, Uint8Array>, chain: Uint8Array) {
    this.#rows = rows
    this.#chain = chain
    this.reader = readerOf({ get: (key) => rows.get(rowKey(key)) })
    this.step = pendingStep(this.reader)
    const { nodes, learners, outgoing } = readRoster(this.reader)
    this.configuration = { ...configurationOf(nodes, learners), outgoing }
    this.set = readMemberSet(this.reader)
    this.setHash = memberSetHash(CHAIN, this.set)
    this.nodes = nodesIn(this.reader).map(({ node }) => node)
  }

  /** What a node that starts from this state takes for the configuration, by the production code. */
  get startConfiguration(): Configuration { return configurationIn(this.reader) }

  /** One member for each node. */
  static genesis(nodes: readonly number[]): SimMembers {
    const genesis: Genesis = { v: 1, network: 'sim', kind: 'development', timeMs: 0n, parameters: DEFAULT_PARAMETERS, members: nodes.map((node) => ({ ...memberKeys(node), nodes: [proposedNode(node)] })) }
    const rows = new Map<string, Uint8Array>()
    genesisState(storeOf(rows), genesis)
    return new SimMembers(rows, chainIdOf(genesis))
  }

  /** After a decision; nothing changes when it cannot be taken now, or when there is no further machine (`nodesMax`). */
  decided(transaction: number, height: number, nodesMax: number): SimMembers {
    const number = transaction - CHANGES_FROM
    const operation = OPERATIONS[number % OPERATIONS.length]!
    const governance = readGovernance(this.reader)
    if (operation === 'withdraw') {
      const { change } = governance
      if (change === null || (change.stage !== 'promote' && change.stage !== 'swap')) return this
      return this.#written((writer) => writer.put(governanceTable, [], { ...governance, change: { ...change, stage: 'drop', since: BigInt(height) } }))
    }
    const change = governance.change === null ? this.#changeOf(operation, Math.floor(number / OPERATIONS.length), nodesMax) : undefined
    if (change === undefined) return this
    return this.#written((writer) => writer.put(governanceTable, [], { ...governance, change: { proposal: new Uint8Array(32), change, ...firstStage(change)!, since: BigInt(height) } }))
  }

  /** Takes the step that stands out, by the production code: what an activation block does. */
  activated(height: number): { readonly members: SimMembers; readonly change: VoterChange } {
    const rows = new Map(this.#rows)
    const { change } = activate(writerOf(storeOf(rows)), this.#chain, BigInt(height))
    return { members: new SimMembers(rows, this.#chain), change }
  }

  #changeOf(operation: 'add' | 'remove' | 'replace', which: number, nodesMax: number): MembershipChange | undefined {
    const { nextMember, nextNode } = readGovernance(this.reader)
    const { members } = readRoster(this.reader)
    const member = members[which % members.length]!
    if (operation === 'remove') return members.length === 1 ? undefined : { kind: 'remove', value: { member } }
    if (nextNode > nodesMax) return undefined
    const node = proposedNode(nextNode)
    if (operation === 'add') return { kind: 'add', value: { ...memberKeys(nextMember), node } }
    return { kind: 'replace', value: { member, old: readMember(this.reader, member)!.nodes[0]!, node } }
  }

  #written(write: (writer: Writer) => void): SimMembers {
    const rows = new Map(this.#rows)
    write(writerOf(storeOf(rows)))
    return new SimMembers(rows, this.#chain)
  }
}

function storeOf(rows: Map<string, Uint8Array>): { get(key: Uint8Array): Uint8Array | undefined; put(key: Uint8Array, value: Uint8Array): void; delete(key: Uint8Array): void } {
  return { get: (key) => rows.get(rowKey(key)), put: (key, value) => { rows.set(rowKey(key), value) }, delete: (key) => { rows.delete(rowKey(key)) } }
}

function rowKey(key: Uint8Array): string { return String.fromCharCode(...key) }
