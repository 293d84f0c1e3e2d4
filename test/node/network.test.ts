// Goal: keys and genesis of a new network are made so that nobody needs to trust one machine with all keys, and no mistake passes silently.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { chainIdOf, checkGenesis } from '../../primitives/genesis.ts'
import type { GenesisMember } from '../../primitives/genesis.ts'
import { createSigner } from '../../primitives/signature.ts'
import { loadConfig } from '../../node/config.ts'
import { loadCustodianConfig } from '../../node/custodian-config.ts'
import { readGenesis, writeGenesis } from '../../node/genesis-file.ts'
import { startDevNetwork } from '../../node/dev-network.ts'
import { readKeys } from '../../node/keys.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { composeGenesis, memberFileText, readMemberFile, writeMemberFile } from '../../node/member-file.ts'
import { createMemberKeys, makePrivateFolder, writeMemberConfigs } from '../../node/member-keys.ts'
import { createNetwork } from '../../node/network.ts'
import { readNewPassphrase } from '../../node/new-passphrase.ts'
import { testDirectory } from '../helpers/directory.ts'

async function member(folder: string, number: number): Promise<GenesisMember> {
  makePrivateFolder(folder)
  return createMemberKeys({ folder, member: number, node: 10 + number, name: `clinic-${number}`, addresses: [`/dns4/node-${number}.example/tcp/9000`], passphrase: 'pass', cost: KEYSTORE_TEST_COST })
}

t.test('a member\'s files hold what its descriptor says, open with its passphrase only, and are for its own eyes', async (t) => {
  const folder = join(t.testdir(), 'one')
  const made = await member(folder, 1)
  const [governance, operator, node] = await Promise.all([readKeys(join(folder, 'governance.json'), 'governance', 'pass'), readKeys(join(folder, 'operator.json'), 'operator', 'pass'), readKeys(join(folder, 'node.json'), 'node', 'pass')])
  t.same(createSigner(governance.governance).publicKey, made.governanceKey)
  t.same(createSigner(operator.sign).publicKey, made.operatorKey)
  t.match(made.nodes, [{ node: 11, transportKey: createSigner(node.transport).publicKey, attestationKey: createSigner(node.attestation).publicKey }])
  for (const name of ['governance', 'operator', 'node']) t.equal(statSync(join(folder, `${name}.json`)).mode & 0o777, 0o600)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  await t.rejects(readKeys(join(folder, 'node.json'), 'node', 'wrong'), { code: 'KEYSTORE_WRONG_PASSPHRASE' })
  await t.rejects(member(folder, 1), { code: 'KEYSTORE_EXISTS' })
  const text = memberFileText(made)
  for (const secret of [governance.governance, operator.sign, operator.seal, node.transport, node.attestation]) t.notOk(text.includes(Buffer.from(secret).toString('hex')))
})

t.test('genesis is composed from public files in any order; its chain id depends on every one of them', async (t) => {
  const directory = t.testdir()
  const members = await Promise.all([1, 2, 3].map((i) => member(join(directory, String(i)), i)))
  members.forEach((each, i) => writeMemberFile(join(directory, `${i + 1}.json`), each))
  const read = [3, 1, 2].map((i) => readMemberFile(join(directory, `${i}.json`)))
  const { genesis, chain } = composeGenesis('north', 'production', 1_750_000_000_000, read)
  t.same(genesis.members, members)
  t.same(chain, composeGenesis('north', 'production', 1_750_000_000_000, members).chain)
  t.notSame(chain, composeGenesis('south', 'production', 1_750_000_000_000, members).chain)
  writeGenesis(join(directory, 'genesis.json'), genesis)
  t.same(chainIdOf(readGenesis(join(directory, 'genesis.json'))), chain)
})

t.test('members that do not fit together are refused by the rule they break', async (t) => {
  const directory = t.testdir()
  const [one, two, again] = await Promise.all([1, 2, 2].map((number, i) => member(join(directory, String(i)), number)))
  const composing = (members: readonly GenesisMember[]) => () => composeGenesis('north', 'production', 0, members)
  t.throws(composing([two!]), { code: 'GENESIS_INVALID', details: { rule: /numbered/ } })
  t.throws(composing([one!, two!, again!]), { code: 'GENESIS_INVALID', details: { rule: /numbered/ } })
  t.throws(composing([one!, { ...two!, name: 'clinic-1' }]), { code: 'GENESIS_INVALID', details: { rule: /names are distinct/ } })
  t.throws(composing([one!, { ...two!, nodes: one!.nodes }]), { code: 'GENESIS_INVALID', details: { rule: /distinct/ } })
  t.throws(composing([one!, { ...two!, governanceKey: again!.governanceKey }]), { code: 'GENESIS_INVALID', details: { rule: /certified/, member: 2 } }, 'a governance key that was exchanged on the way')
  t.throws(composing([one!, { ...two!, nodes: [{ ...two!.nodes[0]!, transportKey: again!.nodes[0]!.transportKey }] }]), { code: 'GENESIS_INVALID', details: { rule: /certified/ } }, 'a node key that was exchanged on the way')
})

t.test('a file that is no descriptor is refused with file, path and rule', async (t) => {
  const directory = t.testdir()
  const made = JSON.parse(memberFileText(await member(join(directory, 'one'), 1))) as { format: string; member: Record<string, unknown> }
  const path = join(directory, 'member.json')
  const reading = (value: unknown) => () => {
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
    return readMemberFile(path)
  }
  t.equal(reading(made)().name, 'clinic-1')
  t.throws(() => readMemberFile(join(directory, 'absent.json')), { code: 'MEMBER_FILE_INVALID', details: { rule: /ENOENT/ } })
  t.throws(reading('{'), { code: 'MEMBER_FILE_INVALID', details: { file: path, rule: 'must be JSON' } })
  t.throws(reading({ ...made, format: 'stele-keystore' }), { code: 'MEMBER_FILE_INVALID' })
  t.throws(reading({ ...made, secret: 1 }), { code: 'MEMBER_FILE_INVALID' })
  t.throws(reading({ ...made, member: { ...made.member, operatorKey: 'zz' } }), { code: 'MEMBER_FILE_INVALID', details: { path: 'operatorKey' } })
  t.throws(reading({ ...made, member: { ...made.member, admin: true } }), { code: 'MEMBER_FILE_INVALID' })
  t.throws(reading({ ...made, member: { ...made.member, name: 'Clinic One' } }), { code: 'MEMBER_FILE_INVALID', details: { path: 'name' } })
})

t.test('a trial network in one place has sound genesis, configurations that load, and nothing for strangers to read', async (t) => {
  const directory = join(t.testdir(), 'net')
  const made = await createNetwork({
    network: 'trial', kind: 'development', directory, timeMs: 1_750_000_000_000, cost: KEYSTORE_TEST_COST,
    members: ['a', 'b'].map((name, i) => ({ name, node: { host: '127.0.0.1', rpc: 8500 + 10 * i, admin: 8501 + 10 * i, p2p: 8502 + 10 * i } })),
  })
  checkGenesis(made.genesis)
  for (const { config, custodian, member: number, passphraseFile, folder } of made.members) {
    const loaded = loadConfig(config)
    t.match(loaded, { node: number, genesis: made.genesisPath, dataDir: join(folder, 'data') })
    t.same(loaded.p2p.listen, made.genesis.members[number - 1]!.nodes[0]!.addresses)
    t.match(loadCustodianConfig(custodian), { member: number, rpc: `http://127.0.0.1:${loaded.rpc.port}` })
    t.equal(statSync(passphraseFile).mode & 0o777, 0o600)
    await readKeys(loaded.keystore, 'node', readFileSync(passphraseFile, 'utf8').trim())
  }
})

t.test('only a development network serves the examples of the JSON-RPC specification', async (t) => {
  const folder = t.testdir()
  const { config } = writeMemberConfigs({ folder, member: 1, node: 1, genesis: 'genesis.json', listen: ['/ip4/0.0.0.0/tcp/9000'], rpc: { host: '127.0.0.1', port: 8545 }, admin: { host: '127.0.0.1', port: 8546 } })
  t.equal(loadConfig(config).rpc.specificationExamples, false)
  t.throws(() => writeMemberConfigs({ folder, member: 1, node: 1, genesis: 'g', listen: [], rpc: { host: 'x', port: 1 }, admin: { host: 'x', port: 2 } }), { code: 'EEXIST' })
})

t.test('a new passphrase comes from a file, less its line break', async (t) => {
  const directory = t.testdir({ pass: 'long enough\n' })
  t.equal(await readNewPassphrase(join(directory, 'pass')), 'long enough')
  await t.rejects(readNewPassphrase(join(directory, 'absent')), { code: 'PASSPHRASE_MISSING' })
})

t.test('a local network that was interrupted leaves nothing that the next run stumbles over', async (t) => {
  const directory = testDirectory(t)
  mkdirSync(join(directory, '.making', 'city-hospital'), { recursive: true })
  await t.rejects(startDevNetwork({ nodes: 1, directory, signal: AbortSignal.abort() }), { name: 'AbortError' }, 'no node is started')
  t.strictSame(readdirSync(directory).sort(), ['city-hospital', 'genesis.json'])
  const before = readFileSync(join(directory, 'genesis.json'), 'utf8')
  const said: string[] = []
  await t.rejects(startDevNetwork({ nodes: 1, directory, portBase: 1, signal: AbortSignal.abort(), onProgress: (text) => said.push(text) }), { name: 'AbortError' })
  t.equal(readFileSync(join(directory, 'genesis.json'), 'utf8'), before)
  t.match(said, [/keeps its members and ports/])
  rmSync(join(directory, 'genesis.json'))
  await t.rejects(startDevNetwork({ nodes: 1, directory }), { code: 'DEV_FOLDER_TAKEN', details: { path: join(directory, 'city-hospital') } })
})
