import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ballotBytes, membershipCalls } from '../../primitives/calls/membership.ts'
import type { BallotContent, MembershipChange } from '../../primitives/calls/membership.ts'
import { encode } from '../../primitives/codec.ts'
import type { Infer, Schema } from '../../primitives/codec.ts'
import { genesisAccountId } from '../../primitives/genesis.ts'
import type { GenesisMember } from '../../primitives/genesis.ts'
import { noMetrics, silentLogger } from '../../primitives/ports.ts'
import { createSigner } from '../../primitives/signature.ts'
import type { Signer } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { freePorts } from '../../node/free-ports.ts'
import { loadConfig } from '../../node/config.ts'
import { readKeys } from '../../node/keys.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { createMemberKeys, makePrivateFolder, writeMemberConfigs } from '../../node/member-keys.ts'
import { nodesIn, peersFileText } from '../../node/node-roster.ts'
import { SteleNode } from '../../node/stele-node.ts'
import { systemRandom } from '../../node/system.ts'
import { readerOf } from '../../contracts/index.ts'
import { FAST, until } from './cluster.ts'
import type { TestCluster } from './cluster.ts'

/** Governance and operator keys of a member of the test cluster. */
export interface Office { readonly member: number; readonly operator: Signer; readonly governance: Signer }

export async function officeOf(cluster: TestCluster, member: number): Promise<Office> {
  const { folder, passphraseFile } = cluster.files.members[member - 1]!
  const { governance } = await readKeys(join(folder, 'governance.json'), 'governance', readFileSync(passphraseFile, 'utf8').trim())
  return { member, operator: cluster.operators[member - 1]!, governance: createSigner(governance) }
}

type Calls = typeof membershipCalls
export function membershipCall<N extends keyof Calls>(chain: Uint8Array, { member, operator }: Pick<Office, 'member' | 'operator'>, call: N, args: Infer<Calls[N]>): Transaction {
  return createTransaction({ chain, account: genesisAccountId(chain, member), contract: 'membership', call, args: encode(membershipCalls[call] as unknown as Schema<Infer<Calls[N]>>, args), validUntil: BigInt(Date.now() + 300_000), salt: systemRandom.bytes(16) }, operator)
}

export function proposal(chain: Uint8Array, office: Office, change: MembershipChange, untilMs = Date.now() + 600_000): Transaction {
  return membershipCall(chain, office, 'propose', { change, until: BigInt(untilMs) })
}

export function ballot(chain: Uint8Array, office: Office, id: Uint8Array, vote: 'yes' | 'no' = 'yes', signer = office.governance): Transaction {
  const content: BallotContent = { proposal: id, vote, reason: 'agreed', text: null }
  return membershipCall(chain, office, 'vote', { ballot: content, signature: signer.sign(ballotBytes(chain, content)) })
}

/** Sends a transaction through `node` and resolves with the code of its receipt once it is committed there. */
export async function settled(node: SteleNode, transaction: Transaction): Promise<string> {
  let code: string | undefined
  const end = node.onCommitted(({ transactions, receipts }) => {
    const at = transactions.findIndex(({ key }) => key === transaction.key)
    if (at >= 0) code = receipts[at]!.code
  })
  const { admission, relay, driver } = node.parts
  const { transaction: admitted } = await admission.admit(transaction.bytes)
  relay.relay(admitted)
  driver.kick()
  await until(() => code !== undefined)
  end()
  return code!
}

/** Proposes a change and lets these members agree to it. */
export async function decide(node: SteleNode, chain: Uint8Array, offices: readonly Office[], change: MembershipChange): Promise<Uint8Array> {
  const made = proposal(chain, offices[0]!, change)
  const codes = [await settled(node, made)]
  for (const office of offices) codes.push(await settled(node, ballot(chain, office, made.id)))
  if (codes.some((code) => code !== 'OK')) throw new Error(`not all went through: ${codes.join(' ')}`)
  return made.id
}

export interface Newcomer { readonly card: GenesisMember; readonly folder: string; readonly config: string; start(cluster: TestCluster): Promise<SteleNode> }

/** Keys and files of an institution that wants to join with this number and node id. */
export async function newcomer(directory: string, member: number, node: number): Promise<Newcomer> {
  const folder = join(directory, `newcomer-${node}`)
  makePrivateFolder(folder)
  const [p2p, rpc, admin] = await freePorts(3)
  const address = `/ip4/127.0.0.1/tcp/${p2p}`
  const card = await createMemberKeys({ folder, member, node, name: `newcomer-${node}`, addresses: [address], passphrase: 'pass', cost: KEYSTORE_TEST_COST })
  const { config } = writeMemberConfigs({ folder, member, node, genesis: '../genesis.json', listen: [address], rpc: { host: '127.0.0.1', port: rpc! }, admin: { host: '127.0.0.1', port: admin! }, peers: 'peers.json' })
  return {
    card, folder, config,
    async start(cluster) {
      const living = cluster.nodes.find((each) => each !== undefined)!
      writeFileSync(join(folder, 'peers.json'), peersFileText(nodesIn(readerOf(living.parts.world.view()))))
      const started = new SteleNode({ config: { ...loadConfig(config), consensus: FAST }, genesis: cluster.files.genesis, keys: await readKeys(join(folder, 'node.json'), 'node', 'pass') }, {
        logger: silentLogger, metrics: noMetrics, fatal: (error) => process.nextTick(() => { throw error }),
      })
      await started.start()
      cluster.nodes.push(started)
      return started
    },
  }
}

export function additionOf({ member, name, governanceKey, operatorKey, operatorSealKey, nodes }: GenesisMember): MembershipChange {
  return { kind: 'add', value: { member, name, governanceKey, operatorKey, operatorSealKey, node: nodes[0]! } }
}
