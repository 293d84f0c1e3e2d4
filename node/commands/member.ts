import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { sendAndWait } from '../../client/actions/index.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { ballotBytes, VOTE_REASONS } from '../../primitives/calls/membership.ts'
import type { BallotContent, MembershipChange, VoteReason } from '../../primitives/calls/membership.ts'
import { SteleError } from '../../primitives/error.ts'
import type { RpcMembership, RpcProposal } from '../../primitives/rpc-types.ts'
import { createSigner } from '../../primitives/signature.ts'
import { hexBytes, institutionOptions, integer, openDesk, passphraseOf } from '../command-options.ts'
import type { Institution } from '../institution.ts'
import { changeOfCard, mustHold, preflight } from '../membership-change.ts'
import type { Preflight } from '../membership-change.ts'
import { mustBeGovernanceKey, mustBePossible, mustBeVotable, mustBeWithdrawable } from '../membership-checks.ts'
import { describeChange, describeProposal, formatMembership, formatPreflight } from '../membership-text.ts'
import { EXIT, print, printJson, say } from '../output.ts'
import { connect, withRpcOption } from '../rpc-connection.ts'

interface DeskOptions { readonly config: string; readonly rpc: readonly string[]; readonly json?: boolean; readonly governance?: string; readonly governancePassphraseFile?: string }
interface ChangeOptions extends DeskOptions { readonly card?: string; readonly member?: number; readonly parameters?: string; readonly contract?: string; readonly version?: number; readonly height?: number; readonly days: number }

const DAY_MS = 86_400_000
const POLL_MS = 500
const KINDS = ['add', 'remove', 'replace', 'rotate', 'parameters', 'activate', 'deactivate'] as const
/** What another member wrote a moment ago may not have come to the own node yet: it is waited for this long, in ms. */
const ARRIVAL_MS = 3_000
type Kind = (typeof KINDS)[number]

function governanceOption(command: Command): Command {
  return command.option('--governance <file>', 'governance keystore of this member: votes with it at once').option('--governance-passphrase-file <file>', 'opens it; else the passphrase of the institution')
}

function changeOptions(command: Command): Command {
  return command
    .option('--card <file>', 'for add, replace, rotate: the public card (member.json) of the institution')
    .option('--member <n>', 'for remove: number of the member', integer(1, 0xffff_ffff))
    .option('--parameters <file>', 'for parameters: JSON of all chain parameters, as stele member parameters prints it')
    .option('--contract <name>', 'for activate, deactivate')
    .option('--version <n>', 'for activate, deactivate', integer(2, 0xffff_ffff))
    .option('--height <n>', 'for activate: first block, at least 100 after the last vote', integer(1, Number.MAX_SAFE_INTEGER))
}

export function register(program: Command): void {
  const member = program.command('member').description('who takes part in the chain: look, propose, vote, withdraw').addHelpText('after', `
Examples:
  stele member list --rpc http://127.0.0.1:8500
  stele member preflight --kind remove --member 3 --config city-hospital/custodian.yaml
  stele member propose add --card east-clinic/member.json --config city-hospital/custodian.yaml --governance governance.json
  stele member vote 6b1f… --config lake-clinic/custodian.yaml --governance governance.json`)
  withRpcOption(member.command('list').description('members, nodes, next free numbers, proposals and what is under way')).option('--json', 'print JSON').addHelpText('after', `
Examples:
  stele member list --rpc http://127.0.0.1:8500`).action(list)
  withRpcOption(member.command('parameters').description('the chain parameters in force, as JSON to change and propose')).addHelpText('after', `
Examples:
  stele member parameters --rpc http://127.0.0.1:8500 > parameters.json
  stele member propose parameters --parameters parameters.json --config city-hospital/custodian.yaml`).action(parametersInForce)
  withRpcOption(member.command('peers').description('write the file by which a node that joins finds the others').requiredOption('--out <file>', 'the file; an old one is replaced')).addHelpText('after', `
Examples:
  stele member peers --rpc http://127.0.0.1:8500 --out peers.json`).action(peers)
  changeOptions(institutionOptions(member.command('preflight').description('what a change would do to the quorums; exit 3 when it is unsafe').addOption(kindOption()))).addHelpText('after', `
Examples:
  stele member preflight --kind add --card east-clinic/member.json --config city-hospital/custodian.yaml
  stele member preflight --kind remove --member 3 --config city-hospital/custodian.yaml`).action(runPreflight)
  governanceOption(changeOptions(institutionOptions(member.command('propose').description('propose a change to the members; refused when the preflight finds it unsafe').argument('<kind>', KINDS.join(', '), oneKind)))
    .option('--days <n>', 'how long the proposal stays open', integer(1, 30), 7))
    .addHelpText('after', EXAMPLES)
    .action(propose)
  governanceOption(institutionOptions(member.command('vote').description('vote on a proposal with the governance key').argument('<proposal>', 'its id', hexBytes(32))))
    .option('--against', 'vote no')
    .addOption(new Option('--reason <word>', 'why').choices(VOTE_REASONS).default('agreed'))
    .option('--text-hash <hex>', 'SHA-256 of a text kept elsewhere', hexBytes(32))
    .addHelpText('after', `
Examples:
  stele member vote 6b1f… --config lake-clinic/custodian.yaml --governance governance.json
  stele member vote 6b1f… --config lake-clinic/custodian.yaml --governance governance.json --against --reason security`)
    .action(vote)
  institutionOptions(member.command('withdraw').description('take back an own proposal, or give up a new node that never catches up').argument('<proposal>', 'its id', hexBytes(32))).addHelpText('after', `
Examples:
  stele member withdraw 6b1f… --config city-hospital/custodian.yaml`).action(withdraw)
  governanceOption(institutionOptions(member.command('remove').description('propose to remove a member, and wait until its node may be stopped').requiredOption('--member <n>', 'number of the member', integer(1, 0xffff_ffff))))
    .option('--days <n>', 'how long the proposal stays open', integer(1, 30), 7)
    .addHelpText('after', `
Examples:
  stele member remove --member 3 --config city-hospital/custodian.yaml --governance governance.json`)
    .action(remove)
  member.command('card')
    .description('make new keys of an institution that takes part, and the card by which the change is proposed')
    .requiredOption('--from <dir>', 'folder with its present key files')
    .requiredOption('--out <dir>', 'folder for the new key files and member.json; made when absent')
    .addOption(new Option('--renew <what>', 'keys of its node, or of the institution itself').choices(['node', 'member']).makeOptionMandatory())
    .requiredOption('--member <n>', 'its number', integer(1, 0xffff_ffff))
    .requiredOption('--name <name>', 'its name')
    .requiredOption('--node <n>', 'number of its node: the present one to rotate keys, the next free one for another node', integer(1, 0xffff_ffff))
    .option('--address <multiaddr...>', 'where the others dial the node', [])
    .option('--passphrase-file <file>', 'opens the old and encrypts the new key files; else STELE_PASSPHRASE, else a prompt')
    .option('--json', 'print JSON')
    .addHelpText('after', `
Examples:
  stele member card --renew node --from /etc/stele --out new-keys --member 1 --name city-hospital --node 1
  stele member card --renew member --from /etc/stele --out new-keys --member 1 --name city-hospital --node 1`)
    .action(card)
  withRpcOption(member.command('wait').description('wait until no change of members is under way')).option('--seconds <n>', 'longest wait', integer(1, 86_400), 600).option('--json', 'print JSON').addHelpText('after', `
Examples:
  stele member wait --rpc http://127.0.0.1:8500 --seconds 60`).action(waitSettled)
}

const EXAMPLES = `
Examples:
  stele member propose add --card east-clinic/member.json --config city-hospital/custodian.yaml --governance governance.json
  stele member propose remove --member 3 --config city-hospital/custodian.yaml
  stele member propose deactivate --contract access --version 2 --config city-hospital/custodian.yaml
  stele member vote 6b1f… --config lake-clinic/custodian.yaml --governance governance.json --reason agreed
  stele member remove --member 3 --config city-hospital/custodian.yaml --governance governance.json

A change is accepted by as many members as finality needs nodes: 2 of 3, 3 of 4, 4 of 5.`

const kindOption = (): Option => new Option('--kind <kind>', 'what is changed').choices(KINDS).makeOptionMandatory()

function oneKind(value: string): Kind {
  const kind = KINDS.find((each) => each === value)
  if (kind === undefined) throw new SteleError({ code: 'USAGE_MEMBERSHIP', message: `a change is one of ${KINDS.join(', ')}`, details: { kind: value } })
  return kind
}

async function list({ rpc, json }: { readonly rpc?: string; readonly json?: boolean }): Promise<void> {
  const membership = await connect(rpc).call('cluster_membership', {})
  if (json === true) printJson(membership)
  else print(formatMembership(membership))
}

async function parametersInForce({ rpc }: { readonly rpc?: string }): Promise<void> {
  print(JSON.stringify((await connect(rpc).call('cluster_membership', {})).parameters, null, 2))
}

async function peers({ rpc, out }: { readonly rpc?: string; readonly out: string }): Promise<void> {
  const [{ peersFileText }, { mustBeWritable }] = await Promise.all([import('../node-roster.ts'), import('../files.ts')])
  mustBeWritable(out, { replace: true })
  const { nodes } = await connect(rpc).call('cluster_membership', {})
  writeFileSync(out, peersFileText(nodes.map(({ node, member, transportKey, addresses }) => ({ node, member, transportKey: fromHex(transportKey), addresses }))))
  say(`${nodes.length} nodes written to ${out}`)
}

async function card({ from, out, renew, member, name, node, address, passphraseFile, json }: { readonly from: string; readonly out: string; readonly renew: 'node' | 'member'; readonly member: number; readonly name: string; readonly node: number; readonly address: readonly string[]; readonly passphraseFile?: string; readonly json?: boolean }): Promise<void> {
  const [{ createCard }, { writeMemberFile }, { makePrivateFolder }] = await Promise.all([import('../member-card.ts'), import('../member-file.ts'), import('../member-keys.ts')])
  makePrivateFolder(out)
  const made = await createCard({ from, out, renew, member, name, node, addresses: address, passphrase: await passphraseOf(passphraseFile) })
  const path = join(out, 'member.json')
  writeMemberFile(path, made)
  if (json === true) printJson({ card: path, member, node })
  else print(path)
}

async function changeOf(kind: Kind, desk: Institution, { card, member, parameters, contract, version, height }: Partial<ChangeOptions>): Promise<MembershipChange> {
  const need = <T>(value: T | undefined, option: string): T => {
    if (value === undefined) throw new SteleError({ code: 'USAGE_MEMBERSHIP', message: `${kind} needs ${option}`, details: {} })
    return value
  }
  switch (kind) {
    case 'remove': return { kind, value: { member: need(member, '--member') } }
    case 'activate': {
      const value = { contract: need(contract, '--contract'), version: need(version, '--version'), height: BigInt(need(height, '--height')) }
      mustHold((await desk.client.call('node_info', {})).contracts, value)
      return { kind, value }
    }
    case 'deactivate': return { kind, value: { contract: need(contract, '--contract'), version: need(version, '--version') } }
    case 'parameters': {
      const { readParameters } = await import('../parameters-file.ts')
      return { kind, value: await readParameters(need(parameters, '--parameters')) }
    }
    default: {
      const { readMemberFile } = await import('../member-file.ts')
      return changeOfCard(kind, readMemberFile(need(card, '--card')), await desk.client.call('cluster_membership', {}))
    }
  }
}

/** Who votes for a version that its own node lacks would stop that node at its height. */
async function checkActivation({ client }: Institution, change: unknown): Promise<void> {
  const { kind, value } = change as { readonly kind?: string; readonly value?: { readonly contract: string; readonly version: number } }
  if (kind === 'activate' && value !== undefined) mustHold((await client.call('node_info', {})).contracts, value)
}

/** The proposal as the own node lists it, undefined when it knows none of this id. */
async function proposalAt({ client }: Institution, id: Uint8Array): Promise<{ readonly found: RpcProposal | undefined; readonly membership: RpcMembership }> {
  const deadline = Date.now() + ARRIVAL_MS
  for (;;) {
    const membership = await client.call('cluster_membership', {})
    const found = membership.proposals.find(({ proposal }) => proposal === toHex(id))
    if (found !== undefined || Date.now() > deadline) return { found, membership }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function check(change: MembershipChange, desk: Institution): Promise<{ readonly report: Preflight; readonly membership: RpcMembership }> {
  const [membership, status] = [await desk.client.call('cluster_membership', {}), await desk.client.call('cluster_status', {})]
  mustBePossible(change, membership)
  return { report: preflight(change, membership, status), membership }
}

async function runPreflight({ kind, json, ...options }: ChangeOptions & { readonly kind: Kind }): Promise<void> {
  const desk = await openDesk(options)
  try {
    const { report } = await check(await changeOf(kind, desk, options), desk)
    if (json === true) printJson(report)
    else print(formatPreflight(report))
    if (!report.safe) process.exitCode = EXIT.notReady
  } finally {
    await desk.close()
  }
}

async function propose(kind: Kind, options: ChangeOptions): Promise<void> {
  const desk = await openDesk(options)
  try {
    const change = await changeOf(kind, desk, options)
    const { proposal, state } = await proposeSafely(desk, change, options)
    if (options.json === true) return printJson({ proposal: toHex(proposal), state })
    print(toHex(proposal))
    say(state === 'open' ? `proposed; the others vote with: stele member vote ${toHex(proposal)} --config FILE --governance FILE` : `the proposal is ${state}`)
  } finally {
    await desk.close()
  }
}

async function proposeSafely(desk: Institution, change: MembershipChange, options: DeskOptions & { readonly days: number }): Promise<{ readonly proposal: Uint8Array; readonly state: string }> {
  const { report, membership } = await check(change, desk)
  if (!report.safe) throw new SteleError({ code: 'PREFLIGHT_UNSAFE', message: 'the change is not safe now', details: { reasons: report.reasons, down: report.down } })
  // The vote needs its key; better to fail before anything stands on the ledger.
  const governance = options.governance === undefined ? undefined : await governanceSigner(options)
  if (governance !== undefined) mustBeGovernanceKey(governance.publicKey, desk.member, membership)
  say(`proposing: ${describeChange(change, membership)}`)
  const { id } = await sendAndWait(desk.client, { contract: 'membership', call: 'propose', args: { change, until: BigInt(Date.now() + options.days * DAY_MS) } })
  if (governance !== undefined) await castVote(desk, governance, { proposal: id, vote: 'yes', reason: 'agreed', text: null })
  return { proposal: id, state: await stateOf(desk, id) }
}

async function stateOf(desk: Institution, id: Uint8Array): Promise<string> {
  return (await desk.client.call('cluster_membership', {})).proposals.find(({ proposal }) => proposal === toHex(id))?.state ?? 'unknown'
}

async function governanceSigner({ config, governance, governancePassphraseFile }: DeskOptions): Promise<ReturnType<typeof createSigner>> {
  if (governance === undefined) throw new SteleError({ code: 'USAGE_MEMBERSHIP', message: 'a vote needs --governance, the keystore of the governance key', details: {} })
  const [{ readKeys }, { loadCustodianConfig }] = await Promise.all([import('../keys.ts'), import('../custodian-config.ts')])
  return createSigner((await readKeys(governance, 'governance', await passphraseOf(governancePassphraseFile ?? loadCustodianConfig(config).passphraseFile))).governance)
}

async function castVote({ client }: Institution, signer: ReturnType<typeof createSigner>, ballot: BallotContent): Promise<void> {
  await sendAndWait(client, { contract: 'membership', call: 'vote', args: { ballot, signature: signer.sign(ballotBytes(client.chain.id, ballot)) } })
}

async function vote(proposal: Uint8Array, { against, reason, textHash, ...options }: DeskOptions & { readonly against?: boolean; readonly reason: VoteReason; readonly textHash?: Uint8Array }): Promise<void> {
  const signer = await governanceSigner(options)
  const desk = await openDesk(options)
  try {
    const { found, membership } = await proposalAt(desk, proposal)
    mustBeVotable(found, desk.member)
    mustBeGovernanceKey(signer.publicKey, desk.member, membership)
    if (against !== true) await checkActivation(desk, found.change)
    say(`voting ${against === true ? 'no' : 'yes'} on: ${describeProposal(found, membership)}`)
    await castVote(desk, signer, { proposal, vote: against === true ? 'no' : 'yes', reason, text: textHash ?? null })
    const state = await stateOf(desk, proposal)
    if (options.json === true) printJson({ proposal: toHex(proposal), state })
    else print(`voted; the proposal is ${state}`)
  } finally {
    await desk.close()
  }
}

async function withdraw(proposal: Uint8Array, options: DeskOptions): Promise<void> {
  const desk = await openDesk(options)
  try {
    const { found, membership } = await proposalAt(desk, proposal)
    mustBeWithdrawable(found, desk.member, membership)
    const { height } = await sendAndWait(desk.client, { contract: 'membership', call: 'withdraw', args: { proposal } })
    if (options.json === true) printJson({ proposal: toHex(proposal), height })
    else print('withdrawn')
  } finally {
    await desk.close()
  }
}

async function remove({ member, ...options }: DeskOptions & { readonly member: number; readonly days: number }): Promise<void> {
  const desk = await openDesk(options)
  try {
    const { members } = await desk.client.call('cluster_membership', {})
    const node = members.find((each) => each.member === member)?.node ?? undefined
    const { proposal } = await proposeSafely(desk, { kind: 'remove', value: { member } }, options)
    say(`proposed ${toHex(proposal)}; waiting for the votes and until node ${node} may be stopped`)
    for (;;) {
      const now = await desk.client.call('cluster_membership', {})
      const state = now.proposals.find((each) => each.proposal === toHex(proposal))?.state
      if (state !== undefined && state !== 'open' && state !== 'passed') throw new SteleError({ code: 'PROPOSAL_NOT_ACCEPTED', message: 'the members did not accept the proposal', details: { proposal: toHex(proposal), state } })
      if (state === 'passed' && now.underWay === null) break
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    if (options.json === true) printJson({ proposal: toHex(proposal), member, node, stoppable: true })
    else print(`member ${member} is removed; node ${node} may be stopped`)
  } finally {
    await desk.close()
  }
}

async function waitSettled({ rpc, seconds, json }: { readonly rpc?: string; readonly seconds: number; readonly json?: boolean }): Promise<void> {
  const node = connect(rpc)
  const deadline = Date.now() + 1000 * seconds
  for (let told = ''; ;) {
    const membership = await node.call('cluster_membership', {})
    if (membership.underWay === null) {
      if (json === true) printJson({ voters: membership.voters, epoch: membership.epoch })
      else print(`voters ${membership.voters.join(', ')}`)
      return
    }
    const { stage, node: about } = membership.underWay
    const now = `${stage} node ${about}, lag ${membership.nodes.find(({ node: id }) => id === about)?.lag ?? 'unknown'}`
    if (now !== told) say((told = now))
    if (Date.now() > deadline) throw new SteleError({ code: 'CLIENT_TIMED_OUT', message: 'the change is not complete yet', details: { stage, node: about }, retryable: true })
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
