import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { certificateQuorum } from '../../primitives/member-set.ts'
import { recoveryBytes } from '../../primitives/recovery.ts'
import type { SignedRecovery } from '../../primitives/recovery.ts'
import { sha256 } from '../../primitives/hash.ts'
import { createSigner } from '../../primitives/signature.ts'
import { collect, integer, passphraseOf } from '../command-options.ts'
import { print, printJson, say } from '../output.ts'
import type { Holding } from '../recovery.ts'

interface NodeData { readonly config: string; readonly certificates?: readonly string[]; readonly json?: boolean }

const nodeOptions = (command: Command): Command => command
  .requiredOption('--config <file>', 'configuration of the node, which must be stopped')
  .option('--certificates <file...>', 'what every other node exported: all of it is looked at first', [])
  .option('--json', 'print one line of JSON')

export function register(program: Command): void {
  const recovery = program.command('recovery').description('go on after a majority of the voters is lost for good, by a statement of the members\' governance keys')
    .addHelpText('after', `
Examples:
  stele recovery export --config node.yaml --out certificate-1.json        each surviving node, stopped
  stele recovery propose --config node.yaml --members 1 5 --certificates certificate-*.json --out recovery.json
  stele recovery sign --statement recovery.json --member 1 --governance governance.json     each member, offline
  stele recovery open --config node.yaml --statement recovery.json --certificates certificate-*.json     each surviving node; then start it

Propose on the surviving node whose log is newest: the highest term, then the highest block (export tells both). A quorum of all members signs, those whose node is lost too.`)
  nodeOptions(recovery.command('export').description('what this node holds: height, block, newest certificate').requiredOption('--out <file>', 'file for the others')).action(exportCertificate)
  nodeOptions(recovery.command('propose').description('write the statement, unsigned').requiredOption('--members <n...>', 'members that go on', collect(integer(1, 0xffff_ffff))).option('--give-up', 'go on from this node although another survivor holds a newer log; its blocks are lost').requiredOption('--out <file>', 'the statement')).action(propose)
  recovery.command('sign').description('add a member\'s signature to a statement')
    .requiredOption('--statement <file>', 'the statement; gets the signature')
    .requiredOption('--member <n>', 'who signs', integer(1, 0xffff_ffff))
    .requiredOption('--governance <file>', 'its governance keystore')
    .option('--passphrase-file <file>', 'opens the keystore; else STELE_PASSPHRASE, else a prompt')
    .option('--json', 'print one line of JSON')
    .action(sign)
  nodeOptions(recovery.command('open').description('make a node go on by a signed statement when it is started').requiredOption('--statement <file>', 'the statement')).action(open)
}

async function holding(path: string): Promise<{ readonly held: Holding; readonly dataDir: string; readonly node: number }> {
  const [{ loadConfig }, { readGenesis }, { openHolding }] = await Promise.all([import('../config.ts'), import('../genesis-file.ts'), import('../recovery.ts')])
  const config = loadConfig(path)
  return { held: await openHolding(config, readGenesis(config.genesis)), dataDir: config.dataDir, node: config.node }
}

async function exportCertificate({ config, out, json }: NodeData & { readonly out: string }): Promise<void> {
  const [{ exportText }, { mustBeWritable }] = await Promise.all([import('../recovery-import.ts'), import('../files.ts')])
  mustBeWritable(out)
  const { held, node } = await holding(config)
  const { last, applied, certificate, rules } = held
  await held.close()
  writeFileSync(out, exportText({ node, last, certificate }), { flag: 'wx' })
  const certified = Number(certificate?.content.height ?? 0n)
  const facts = { height: last.height, block: toHex(last.block), term: last.term, applied, certified, epoch: rules.members.epoch, voters: rules.members.voters.map((voter) => ({ node: voter.node, member: voter.member })) }
  if (json === true) printJson(facts)
  else print(`newest block ${facts.height} in term ${facts.term}, applied ${applied}, certified ${certified}, epoch ${facts.epoch}`)
}

async function propose({ config, members, certificates = [], giveUp, out, json }: NodeData & { readonly members: readonly number[]; readonly giveUp?: boolean; readonly out: string }): Promise<void> {
  const [{ proposeRecovery }, { keepPresented, readExports }, { recoveryText }, { mustBeWritable }] = await Promise.all([import('../recovery.ts'), import('../recovery-import.ts'), import('../recovery-file.ts'), import('../files.ts')])
  mustBeWritable(out)
  const { held, dataDir } = await holding(config)
  try {
    const presented = readExports(certificates, held.rules)
    const statement = proposeRecovery(held, members, presented, giveUp)
    await keepPresented(dataDir, held, presented)
    writeFileSync(out, recoveryText({ statement, signatures: [] }, held.rules.members.voters.map(({ member, governanceKey }) => ({ member, governanceKey }))), { flag: 'wx' })
    const needed = certificateQuorum(held.rules.members.voters.length)
    if (statement.lostTo > statement.height) say(`blocks ${statement.height + 1n} to ${statement.lostTo} of another survivor are given up`)
    if (json === true) printJson({ statement: out, epoch: statement.set.epoch, height: Number(statement.height), lostTo: Number(statement.lostTo), needed })
    else print(`epoch ${statement.set.epoch} from block ${statement.height} with members ${members.join(', ')}: ${needed} of ${held.rules.members.voters.length} members must sign ${out}`)
  } finally {
    await held.close()
  }
}

/** One signature per key and epoch: what was signed stands beside the keystore, and another statement of that epoch is refused. */
function remember(governance: string, { statement }: SignedRecovery, message: Uint8Array): void {
  const path = `${governance}.epoch-${statement.set.epoch}`
  const digest = toHex(sha256(message))
  if (!existsSync(path)) writeFileSync(path, `${digest}\n`, { flag: 'wx', mode: 0o600, flush: true })
  else if (readFileSync(path, 'utf8').trim() !== digest) throw new SteleError({ code: 'RECOVERY_SIGNED_BEFORE', message: 'this key has signed another statement of the same epoch', details: { epoch: statement.set.epoch, record: path } })
}

async function sign({ statement: path, member, governance, passphraseFile, json }: { readonly statement: string; readonly member: number; readonly governance: string; readonly passphraseFile?: string; readonly json?: boolean }): Promise<void> {
  const [{ mustBeSigner, readUnsigned, recoveryText }, { readKeys }] = await Promise.all([import('../recovery-file.ts'), import('../keys.ts')])
  const { recovery, signers } = readUnsigned(path)
  const { statement: { height, lostTo, set } } = recovery
  say(`signing: epoch ${set.epoch} goes on from block ${height} with members ${set.voters.map((voter) => voter.member).join(', ')}${lostTo > height ? `; blocks ${height + 1n} to ${lostTo} are given up` : ''}`)
  const signer = createSigner((await readKeys(governance, 'governance', await passphraseOf(passphraseFile))).governance)
  mustBeSigner(signers, member, signer.publicKey)
  const message = recoveryBytes(recovery.statement.chain, recovery.statement)
  remember(governance, recovery, message)
  const signatures = [...recovery.signatures.filter((each) => each.member !== member), { member, signature: signer.sign(message) }].sort((a, b) => a.member - b.member)
  // Whole or as it was: it holds the signatures of others.
  writeFileSync(`${path}.new`, recoveryText({ ...recovery, signatures }, signers), { flush: true })
  renameSync(`${path}.new`, path)
  if (json === true) printJson({ statement: path, signatures: signatures.map((each) => each.member) })
  else print(`signed by members ${signatures.map((each) => each.member).join(', ')}`)
}

async function open({ config, statement: path, certificates = [], json }: NodeData & { readonly statement: string }): Promise<void> {
  const [{ openRecovery }, { keepPresented, readExports }, { readRecoveryFile }] = await Promise.all([import('../recovery.ts'), import('../recovery-import.ts'), import('../recovery-file.ts')])
  const recovery = readRecoveryFile(path)
  const { held, dataDir } = await holding(config)
  try {
    const presented = readExports(certificates, held.rules)
    // Kept before anything is decided: what was presented can be looked up whatever comes of it.
    const folder = await keepPresented(dataDir, held, presented)
    const { cutFrom } = await openRecovery({ dataDir }, held, recovery, presented)
    say(`${presented.certificates.length} presented certificates are kept in ${folder}`)
    if (cutFrom !== undefined) say(`blocks from ${cutFrom} on were cut`)
    if (json === true) printJson({ epoch: recovery.statement.set.epoch, height: Number(recovery.statement.height), cutFrom: cutFrom ?? null })
    else print(`epoch ${recovery.statement.set.epoch} opens from block ${recovery.statement.height} when the node starts`)
  } finally {
    await held.close()
  }
}
