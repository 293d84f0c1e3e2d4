import { readdirSync, readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { parseCustodianConfig } from '../../node/custodian-config.ts'
import { CustodianDoor } from '../../node/custodian-door.ts'
import { CustodianKeys, openMasterKey } from '../../node/custodian-keys.ts'
import { Custodian } from '../../node/custodian.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { seed, testGenesis } from '../client/fake-node.ts'
import { openDoor, shortFolder } from '../helpers/custodian-door.ts'

const key = (n: number) => ({ key: seed(n), salt: seed(n + 1), plaintextDigest: seed(n + 2) })

t.test('the door refuses what is not a request, another key for a section, and another tag key for a relation', async (t) => {
  const { folder, client } = await openDoor(t)
  await client.keep({ subject: seed(2), record: seed(3), version: 1, keys: [key(10), key(20)] })
  await t.rejects(client.keep({ subject: seed(2), record: seed(3), version: 1, keys: [key(30)] }), { code: 'CUSTODIAN_REFUSED', details: { code: 'KEY_STORE_CONFLICT' } })
  await client.keepRelation(seed(2), seed(7))
  await t.rejects(client.keepRelation(seed(2), seed(8)), { code: 'CUSTODIAN_REFUSED' })
  const answer = await new Promise<string>((resolve, reject) => {
    request({ socketPath: join(folder, 's'), method: 'POST' }, (response) => { response.setEncoding('latin1').on('data', resolve) }).on('error', reject).end('garbage')
  })
  t.match(answer, /CODEC_/)
  await client.keep({ subject: seed(2), record: seed(3), version: 1, keys: [key(10), key(20)] })
})

t.test('keys go in and are on disk encrypted; only the tag key of a relation comes out', async (t) => {
  const { folder, keys, client } = await openDoor(t)
  await client.keep({ subject: seed(2), record: seed(3), version: 1, keys: [key(10), key(20)] })
  t.same(await keys.sections.get(seed(3), 1, 1), key(20))
  t.equal(await client.tagKey(seed(2)), undefined)
  await client.keepRelation(seed(2), seed(7))
  await client.keepRelation(seed(2), seed(7))
  t.same(await client.tagKey(seed(2)), seed(7))
  const files = readdirSync(join(folder, 'data'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const stored = Buffer.concat(files.map(({ parentPath, name }) => readFileSync(join(parentPath, name))))
  for (const secret of [seed(7), seed(10), seed(11), seed(20)]) t.equal(stored.indexOf(Buffer.from(secret)), -1)
})

t.test('the socket is the owner\'s alone, and nobody behind it is told as such', async (t) => {
  const { folder, door, client } = await openDoor(t)
  t.equal(statSync(join(folder, 's')).mode & 0o777, 0o600)
  t.equal(statSync(join(folder, 'data')).mode & 0o077, 0)
  await door.stop()
  await t.rejects(client.tagKey(seed(2)), { code: 'CUSTODIAN_UNREACHABLE', retryable: true })
  t.throws(() => new CustodianDoor({ socket: `/tmp/${'x'.repeat(120)}` }, {} as never), { code: 'CUSTODIAN_SOCKET_LONG' })
})

t.test('another master key, another passphrase, another operator: refused by name', async (t) => {
  const folder = shortFolder(t)
  const path = join(folder, 'master.json')
  const master = await openMasterKey(path, 'right', KEYSTORE_TEST_COST)
  t.same(await openMasterKey(path, 'right'), master, 'made once, then opened')
  await t.rejects(openMasterKey(path, 'wrong'), { code: 'KEYSTORE_WRONG_PASSPHRASE' })
  await new CustodianKeys({ directory: join(folder, 'data') }, master).start()
  await t.rejects(new CustodianKeys({ directory: join(folder, 'data') }, seed(9)).start(), { code: 'KEY_STORE_WRONG_KEY' })
  const config = parseCustodianConfig('version: 1\nmember: 1\ngenesis: g.json\nrpc: http://127.0.0.1:1\noperator: o.json\ndataDir: data', join(folder, 'c.yaml'))
  const genesis = testGenesis()
  t.throws(() => new Custodian({ config, genesis, operator: { sign: seed(2), seal: seed(2) }, masterKey: master }, { logger: silentLogger }), { code: 'CUSTODIAN_NOT_OPERATOR', details: { member: 1 } })
  t.ok(new Custodian({ config, genesis, operator: { sign: seed(1), seal: seed(1) }, masterKey: master }, { logger: silentLogger }))
})

t.test('one custodian at a time uses a data folder; a stopped one leaves it free', async (t) => {
  const folder = shortFolder(t)
  const config = parseCustodianConfig('version: 1\nmember: 1\ngenesis: g.json\nrpc: http://127.0.0.1:1\noperator: o.json\ndataDir: data', join(folder, 'c.yaml'))
  const make = (): Custodian => new Custodian({ config, genesis: testGenesis(), operator: { sign: seed(1), seal: seed(1) }, masterKey: seed(4) }, { logger: silentLogger })
  const first = make()
  await first.start()
  await t.rejects(make().start(), { code: 'LEDGER_LOCKED' })
  await first.stop()
  await first.stop()
  const second = make()
  await second.start()
  await second.stop()
})

t.test('a configuration names its fault: key, line and rule', async (t) => {
  const good = 'version: 1\nmember: 1\ngenesis: g.json\nrpc: http://127.0.0.1:1\noperator: o.json\ndataDir: data'
  t.match(parseCustodianConfig(good, '/x/c.yaml'), { genesis: '/x/g.json', dataDir: '/x/data', socket: '/x/data/custodian.sock', keystore: '/x/data.key.json', waitMs: 20_000 })
  t.throws(() => parseCustodianConfig(`${good}\nwaitMS: 5`, '/x/c.yaml'), { code: 'CONFIG_INVALID', details: { key: 'waitMS', line: 7, rule: 'unknown key', didYouMean: 'waitMs' } })
  t.throws(() => parseCustodianConfig(good.replace('http:', 'ftp:'), '/x/c.yaml'), { code: 'CONFIG_INVALID', details: { key: 'rpc', line: 4 } })
})
