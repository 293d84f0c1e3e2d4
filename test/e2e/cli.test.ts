// Goal: a person or a script runs the network from the command line alone, and exit codes tell what happened.
// Method: real processes on both sides, the nodes that `stele dev` starts and `stele` itself, as a shell would run them.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { startProcesses } from '../helpers/dev.ts'
import { enrolmentOf } from '../helpers/calls.ts'
import { testDirectory } from '../helpers/directory.ts'

const STELE = resolve(import.meta.dirname, '../../node/stele')

interface Outcome { readonly code: number | null; readonly out: string; readonly err: string }

function stele(args: readonly string[], options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {}): Promise<Outcome> {
  const child = spawn(STELE, args, { env: { ...process.env, NO_COLOR: '1', ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (part: string) => { out += part })
  child.stderr.setEncoding('utf8').on('data', (part: string) => { err += part })
  child.stdin.on('error', () => { err += '(input refused)' })
  child.stdin.end(options.input ?? '')
  return new Promise((done) => child.once('close', (code) => done({ code, out, err })))
}
const json = ({ out }: Outcome): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>

// Some twenty processes start here one after the other; a busy machine takes a second for each.
t.setTimeout(290_000)
const directory = testDirectory(t)

t.test('three institutions make keys, compose genesis, and refuse to overwrite anything', async (t) => {
  const keys = (i: number): string => join(directory, `member-${i}`)
  writeFileSync(join(directory, 'pass'), 'correct horse battery staple\n', { mode: 0o600 })
  const keygen = (i: number, ...more: readonly string[]): Promise<Outcome> => stele(['keygen', '--member', `clinic-${i}`, '--number', String(i), '--address', `/ip4/127.0.0.1/tcp/${9100 + i}`, '--out', keys(i), '--passphrase-file', join(directory, 'pass'), ...more])
  const made = await Promise.all([keygen(1), keygen(2, '--json'), keygen(3)])
  t.same(made.map(({ code }) => code), [0, 0, 0])
  t.match(made[0]!.out, /next +stele init/)
  t.match(json(made[1]!), { member: 2, node: 2, name: 'clinic-2' })
  t.notMatch(made.map(({ out }) => out).join(''), /correct horse/)
  const files = [2, 1, 3].map((i) => join(keys(i), 'member.json'))
  const genesis = join(directory, 'genesis.json')
  const composed = await stele(['init', '--network', 'north', '--member', ...files, '--out', genesis, '--json'])
  t.equal(composed.code, 0)
  t.match(json(composed), { chain: /^[0-9a-f]{64}$/, members: [{ name: 'clinic-1' }, { name: 'clinic-2' }, { name: 'clinic-3' }] })
  const before = readFileSync(join(keys(1), 'governance.json'), 'utf8')
  t.match(await keygen(1), { code: 1, err: /OUTPUT_EXISTS.*\n→ / })
  t.equal(readFileSync(join(keys(1), 'governance.json'), 'utf8'), before)
  t.match(await stele(['init', '--member', ...files, '--out', genesis]), { code: 1, err: /OUTPUT_EXISTS/ })
  t.match(await stele(['init', '--member', files[0]!, files[2]!, '--out', join(directory, 'other.json')]), { code: 1, err: /numbered 1, 2/ })
})

t.test('usage mistakes exit with 2 and say what is wrong; nothing secret is an option', async (t) => {
  const [unknown, missing, id, help] = await Promise.all([stele(['statsu']), stele(['verify']), stele(['tx', 'status', 'xyz']), stele(['keygen', '--help'])])
  t.match(unknown, { code: 2, err: /unknown command 'statsu'\n\(Did you mean status\?\)/ })
  t.match(missing, { code: 2, err: /USAGE_DATA_MISSING/ })
  t.match(id, { code: 2, err: /64 digits/ })
  t.match(help, { code: 0, out: /Examples:/ })
  t.notMatch(help!.out, /--passphrase /)
})

t.test('a running network: status, a transaction from the shell, its receipt, and verification', { timeout: 290_000 }, async (t) => {
  const network = await startProcesses(join(directory, 'network'), 3)
  t.teardown(() => network.stop())
  const rpc = (i: number): string[] => ['--rpc', network.nodes[i]!.rpc]
  const { transaction } = enrolmentOf(network.chain, network.members[0]!)
  const hex = toHex(transaction.bytes)
  const sent = await stele(['tx', 'send', '-', '--wait', 'final', '--json', ...rpc(0)], { input: `${hex}\n` })
  t.match(sent, { code: 0 })
  const id = toHex(transaction.id)
  t.match(json(sent), { id, code: 'OK', final: true, height: 1 })
  const [status, text, state, waited, unknown, here] = await Promise.all([
    stele(['status', '--cluster', '--json', ...rpc(1)]), stele(['status', '--cluster'], { env: { STELE_RPC: network.nodes[2]!.rpc } }), stele(['tx', 'status', id, ...rpc(1)]),
    stele(['tx', 'wait', id, '--until', 'committed', ...rpc(2)]), stele(['tx', 'wait', '0'.repeat(64), '--timeout', '0', ...rpc(0)]), stele(['status', '--json', ...rpc(0)]),
  ])
  t.match(json(status!), { quorum: { voters: 3, reachable: 3, writes: 2 }, nodes: [{ node: 1 }, { node: 2 }, { node: 3 }] })
  t.match(text, { code: 0, out: /NODE +NAME +ROLE +VERSION +TERM +HEIGHT +FINAL +LAG[^]*leader[^]*quorum 3 of 3 reachable · 2 more failures would stop writes/ })
  t.match(state!.out, `${id}\nfinal · block 1, position 0 · OK`)
  t.equal(waited!.code, 0)
  t.equal(unknown!.code, 3, 'not yet is not failed')
  t.match(json(here!), { node: 1, name: 'city-hospital' })

  const desk = ['--config', join(network.nodes[0]!.folder, 'custodian.yaml')]
  const [stranger, undecided, unknownVersion] = await Promise.all([
    stele(['member', 'propose', 'remove', '--member', '99', ...desk]), stele(['member', 'withdraw', '0'.repeat(64), ...desk]), stele(['member', 'propose', 'deactivate', '--contract', 'access', '--version', '2', ...desk]),
  ])
  t.match(stranger, { code: 2, err: /no active member has number 99; active are 1, 2, 3/ })
  t.match(undecided, { code: 1, err: /PROPOSAL_NOT_OPEN[^]*→ .*stele member list/ })
  t.match(unknownVersion, { code: 2, err: /waiting are none/ })
  t.match(json(await stele(['member', 'list', '--json', ...rpc(0)])), { open: null, proposals: [], asOf: { height: 1 } }, 'none of it cost a block')

  const receipt = join(directory, 'receipt.json')
  t.match(await stele(['tx', 'receipt', id, '--out', receipt, ...rpc(1)]), { code: 0, out: /stele verify receipt/ })
  const { bundle } = JSON.parse(readFileSync(receipt, 'utf8')) as { bundle: string }
  const spoilt = join(directory, 'spoilt.json')
  writeFileSync(spoilt, JSON.stringify({ bundle: `${bundle.slice(0, 600)}${bundle[600] === '0' ? '1' : '0'}${bundle.slice(601)}` }))
  const verify = (path: string, input = ''): Promise<Outcome> => stele(['verify', 'receipt', path, '--genesis', network.genesis], { input })
  const [good, piped, bad, foreign] = await Promise.all([verify(receipt), verify('-', bundle), verify(spoilt), stele(['verify', 'receipt', receipt, '--genesis', join(directory, 'genesis.json'), '--json'])])
  t.match(good, { code: 0, out: /✓ leaf hash.*✓ Merkle path.*✓ block 1.*✓ 2 of 3 attestations|✓ leaf hash.*✓ 3 of 3 attestations/ })
  t.match(piped, { code: 0 })
  t.match(bad, { code: 4, out: /✗ the receipt proves nothing/ })
  t.equal(foreign!.code, 4)
  t.match(json(foreign!), { valid: false, error: { code: 'PROOF_WRONG_CHAIN' } })

  const proof = join(directory, 'proof.json')
  const fetched = await stele(['proof', '--transaction', id, '--genesis', network.genesis, '--out', proof, '--json', ...rpc(2)])
  t.match(json(fetched), { receipt: { transaction: id, code: 'OK' }, certified: { hash: /^[0-9a-f]{64}$/ } })
  const bent = join(directory, 'bent.json')
  writeFileSync(bent, readFileSync(proof, 'utf8').replace('"position":0', '"position":2'))
  const judge = (path: string, ...more: string[]): Promise<Outcome> => stele(['verify', 'proof', path, ...more])
  const [proves, refuses, checkpoint, unanchored, missing] = await Promise.all([
    judge(proof, '--genesis', network.genesis), judge(bent, '--genesis', network.genesis, '--json'), judge(proof, '--checkpoint', '00'.repeat(32)), judge(proof), judge(join(directory, 'none'), '--genesis', network.genesis),
  ])
  t.match(proves, { code: 0, out: /✓ members[^]*✓ certificate[^]*✓ receipt[^]*identity\.enrolled[^]*valid: the proof shows what it says/ })
  t.equal(refuses.code, 4)
  t.match(json(refuses), { valid: false, error: { code: 'PROOF_DIGEST_MISMATCH' } })
  t.match(checkpoint, { code: 4, out: /refused[^]*PROOF_OTHER_ANCHOR[^]*→ / })
  t.match(unanchored, { code: 2, err: /USAGE_CHOICE/ })
  t.match(missing, { code: 1, err: /BUNDLE_UNREADABLE/ })
  const { certified } = json(fetched) as { certified: { hash: string } }
  const pinned = await stele(['proof', '--transaction', id, '--checkpoint', certified.hash, ...rpc(0)])
  t.match(await stele(['verify', 'proof', '-', '--checkpoint', certified.hash], { input: pinned.out }), { code: 0, out: /from the checkpoint/ })

  const running = await stele(['verify', '--data', network.nodes[0]!.folder, '--json'])
  t.equal(running.code, 0)
  t.match(json(running), { sound: true, running: true, skipped: [{ part: 'state' }] })
  await network.stop()
  t.match(await stele(['status', ...rpc(0)]), { code: 3, err: /CLIENT_UNREACHABLE/ })
  const { data } = network.nodes[0]!
  t.match(await stele(['verify', '--data', data]), { code: 0, out: /✓ ledger[^]*✓ chain[^]*✓ certificates[^]*✓ state[^]*sound/ })
  const segment = join(data, 'ledger', '00000001.segment')
  const bytes = readFileSync(segment)
  bytes[16_384 + 300]! ^= 4
  writeFileSync(segment, bytes)
  t.match(await stele(['verify', '--data', data]), { code: 4, out: /✗ ledger[^]*LEDGER_DAMAGED.*segment 1, offset \d+[^]*broken rule:[^]*not sound[^]*→ / })
})
