import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { startChild } from '../../node/children.ts'
import { startDevNetwork } from '../../node/dev-network.ts'
import { generateBundles } from '../../interop/fhir/generator.ts'

t.setTimeout(290_000)

const STELE = resolve(import.meta.dirname, '../../node/stele')

t.test('a person and an institution do everything from the command line, and a stopped custodian means that nobody reads', async (t) => {
  // Not t.testdir(): a Unix socket's path must be short.
  const directory = mkdtempSync(join(tmpdir(), 'stele-cli-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const network = await startDevNetwork({ nodes: 3, directory })
  t.teardown(() => network.stop())
  const [home] = network.nodes
  const config = join(home!.folder, 'custodian.yaml')
  let custodian = await startChild('custodian', ['custodian', '--config', config, '--json'], home!.folder)
  t.teardown(() => custodian.stop())
  const passphraseFile = join(directory, 'passphrase')
  writeFileSync(passphraseFile, 'correct horse battery staple', { mode: 0o600 })
  const stele = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => new Promise((done) => {
    execFile(STELE, args, { cwd: directory }, (error, stdout, stderr) => done({ code: error === null ? 0 : Number(error.code), stdout, stderr }))
  })
  const nodes = ['--rpc', ...network.nodes.map(({ rpc }) => rpc), '--genesis', network.genesis]
  const person = (name: string): string[] => ['--wallet', `${name}.json`, '--passphrase-file', passphraseFile, ...nodes]
  const json = async (...args: string[]): Promise<never> => {
    const { code, stdout, stderr } = await stele(...args, '--json')
    if (code !== 0) throw new Error(`${args.slice(0, 2).join(' ')}: ${stdout} ${stderr}`)
    return JSON.parse(stdout) as never
  }
  const enrol = async (name: string, kind: string): Promise<string> => {
    await json('wallet', 'new', ...person(name), '--member', '1', '--card', `${name}.card`)
    const { account }: { account: string } = await json('identity', 'enrol', '--config', config, '--kind', kind, '--card', `${name}.card`)
    await stele('wallet', 'enrolled', '--wallet', `${name}.json`, '--passphrase-file', passphraseFile, '--account', account)
    return account
  }

  const [patient, clinician] = await Promise.all([enrol('ana', 'patient'), enrol('rao', 'clinician')])
  t.match(await json('identity', 'enrol', '--config', config, '--kind', 'patient', '--card', 'ana.card'), { account: patient }, 'the same card is the same account')
  await json('identity', 'certify', '--config', config, '--account', clinician, '--attribute', 'role', '--value', 'physician')
  const [bundle] = generateBundles(1, 1)
  const observation = (JSON.parse(new TextDecoder().decode(bundle)) as { entry: { resource: { resourceType: string } }[] }).entry.find(({ resource }) => resource.resourceType === 'Observation')!.resource
  writeFileSync(join(directory, 'observation.json'), JSON.stringify(observation))
  const { record }: { record: string } = await json('record', 'put', '--config', config, '--subject', patient, '--file', 'observation.json', '--type', 'Observation')
  writeFileSync(join(directory, 'asking.json'), JSON.stringify({ who: 'Dr Rao', device: 'ward 3', reason: 'a reason' }))
  const asking = [...person('rao'), '--subject', patient, '--record', record, '--details', 'asking.json']

  const refused = await stele('record', 'get', ...asking)
  t.match(refused, { code: 1, stdout: '', stderr: /CLIENT_ACCESS_DENIED/ }, 'without consent the answer is a denial')
  const { consent }: { consent: string } = await json('consent', 'grant', ...person('ana'), '--account', clinician, '--type', 'Observation', '--purpose', 'TREAT', '--days', '30')
  t.match(await stele('record', 'list', ...person('ana')), { code: 0, stdout: /Observation +clinical +N/ })
  await json('record', 'get', ...asking, '--out', 'read.json')
  t.equal(readFileSync(join(directory, 'read.json'), 'utf8'), readFileSync(join(directory, 'observation.json'), 'utf8'), 'what was put comes out, byte for byte')

  await custodian.stop()
  t.match(await stele('record', 'get', ...asking, '--wait', '4'), { code: 1, stdout: '', stderr: /CLIENT_KEY_NOT_RELEASED/ }, 'with the custodian stopped nobody can read')
  t.match(await stele('record', 'put', '--config', config, '--subject', patient, '--file', 'observation.json'), { code: 1, stderr: /CUSTODIAN_UNREACHABLE/ })
  custodian = await startChild('custodian', ['custodian', '--config', config, '--json'], home!.folder)
  t.match(await stele('custodian', '--config', config), { code: 1, stderr: /LEDGER_LOCKED/ }, 'one custodian at a time on a data folder')
  await json('record', 'get', ...asking, '--out', 'again.json')

  await json('consent', 'revoke', consent, ...person('ana'))
  t.match(await stele('access', 'request', ...asking), { code: 1, stdout: /denied/ })
  t.match(await stele('consent', 'list', ...person('ana')), { code: 0, stdout: new RegExp(`${consent} +revoked`) })
  const trail = await stele('audit', ...person('ana'))
  t.equal(trail.stdout.split('\n').filter((line) => line.includes('Dr Rao')).length, 5, 'every request stands in the audit trail, opened by the patient')
  t.equal(trail.stdout.split('proven').length - 1, 5)

  const nobodys = await stele('tx', 'cancel', '3f'.repeat(32), ...person('ana'))
  t.match(nobodys, { code: 1, stdout: /no voter held it; each refuses it from now on\n/ })
  t.same(nobodys.stdout.match(/^node \d/gm)?.sort(), ['node 1', 'node 2', 'node 3'], 'every voter answered')
  t.match(await stele('hold', 'show', '--config', join(home!.folder, 'config.yaml')), { code: 0, stdout: /the node is not held/ })

  t.match(await stele('consent', 'grant', ...person('ana'), '--purpose', 'TREAT', '--days', '1'), { code: 2, stderr: /USAGE_GRANTEE/ })
  t.match(await stele('record', 'get', ...person('rao'), '--subject', 'xyz', '--record', record, '--details', 'asking.json'), { code: 2, stderr: /32 bytes in lower-case hex/ })
})
