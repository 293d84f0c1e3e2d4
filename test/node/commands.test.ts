// Goal: what the commands read and print is right for people and scripts. The commands themselves run as processes in test/e2e/cli.test.ts.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { Command } from 'commander'
import { readCard } from '../../node/card-file.ts'
import { COMMAND_ERRORS } from '../../node/command-errors.ts'
import { runCli } from '../../node/cli.ts'
import { mustBeWritable, readWhole } from '../../node/files.ts'
import { describeError } from '../../node/logger.ts'
import { nextStep } from '../../node/next-step.ts'
import { checkSaid, readReceiptFile } from '../../node/receipt-file.ts'
import { connect } from '../../node/rpc-connection.ts'
import { duration, formatClusterStatus, formatNodeInfo, isWritable, quorumSentence } from '../../node/status-text.ts'
import { readTransactionFile } from '../../node/transaction-file.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { findPlace, isRunning } from '../../node/verify-place.ts'
import type { VerifyReport } from '../../node/verify-report.ts'
import { createProgressLine, formatVerifyReport } from '../../node/verify-text.ts'
import { crc32c, logFaults, tableFaults } from '../../node/verify-tables.ts'
import { SampleChain } from '../../docs/spec/sample-chain.ts'
import { toHex } from '../../primitives/bytes.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { receiptBundle, receiptSchema } from '../../primitives/receipt.ts'
import type { RpcClusterStatus, RpcNodeInfo } from '../../primitives/rpc-types.ts'
import { createSigner } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import { METHODS } from '../../rpc/methods/index.ts'
import { takeLock } from '../../state/ledger-lock.ts'

process.env['NO_COLOR'] = '1'
const bytes = Uint8Array.of(0x89, 1, 2, 3)

t.test('a receipt is read as people have it: JSON of the node, of the command, hex, or bytes', async (t) => {
  const directory = t.testdir()
  const reading = async (content: string | Uint8Array): Promise<Uint8Array> => {
    writeFileSync(join(directory, 'receipt'), content)
    return (await readReceiptFile(join(directory, 'receipt'))).bundle
  }
  for (const content of ['{"bundle":"89010203"}', '{"jsonrpc":"2.0","id":1,"result":{"bundle":"89010203"}}', '{"bundle": "89010203", "id": "x"}\n', '89010203\n', bytes]) t.same(await reading(content), bytes)
  await t.rejects(reading('{"bundle":null}'), { code: 'RECEIPT_NOT_FINAL' })
  for (const content of ['', '{', '{}', '{"bundle":7}', '{"bundle":"xyz"}', '{"bundle":"AB"}', '{"bundle":""}']) await t.rejects(reading(content), { code: 'RECEIPT_UNREADABLE' }, content)
  await t.rejects(readReceiptFile(join(directory, 'absent')), { code: 'RECEIPT_UNREADABLE', details: { rule: 'must exist' } })
})

t.test('what stands beside a receipt for people is what it proves, or the file is refused', async (t) => {
  const sample = new SampleChain()
  const bundle = sample.bundle(3, 2)
  const { tx, position, code, cost, events } = decode(receiptSchema, bundle.receipt)
  const said = { id: toHex(tx), status: 'final', height: 3, position, code, cost, events: events.map(({ contract, name, data }) => ({ contract, name, data: toHex(data) })), asOf: { height: 9 } }
  const codeOf = (other: object): string | undefined => {
    try {
      checkSaid({ bundle: encode(receiptBundle, bundle), said: other as Record<string, unknown> })
      return undefined
    } catch (error) {
      return errorCode(error)
    }
  }
  t.equal(codeOf(said), undefined)
  t.equal(codeOf({}), undefined, 'nothing said is nothing wrong')
  const lies: Record<string, unknown> = { id: toHex(sample.block(3).transactions[1]!.id), height: 4, position: position + 1, code: 'RECORDS_UNKNOWN', cost: cost + 1, events: [] }
  for (const [member, value] of Object.entries(lies)) t.equal(codeOf({ ...said, [member]: value }), 'RECEIPT_CONTRADICTED', member)
  t.equal(codeOf({ ...said, events: said.events.map((event) => ({ ...event, name: 'revoked' })) }), 'RECEIPT_CONTRADICTED')
  t.equal(codeOf({ ...said, height: '3' }), 'RECEIPT_CONTRADICTED', 'nor is a text a number')
})

t.test('a transaction is read from bytes, hex or JSON', async (t) => {
  const directory = t.testdir()
  const reading = (content: string | Uint8Array): Promise<Uint8Array> => {
    writeFileSync(join(directory, 'tx'), content)
    return readTransactionFile(join(directory, 'tx'))
  }
  const { bytes: signed } = createTransaction({ chain: new Uint8Array(32), account: new Uint8Array(32), contract: 'consent', call: 'grant', args: bytes, validUntil: 1n, salt: new Uint8Array(16) }, createSigner(new Uint8Array(32)))
  for (const content of [`{"transaction":"${toHex(signed)}"}`, ` ${toHex(signed)} \n`, signed]) t.same(await reading(content), signed)
  for (const content of ['', '{', '{"transaction":7}', '{"transaction":"89 01"}', '{}', '89010203', '{"transaction":"89010203"}', '# Readme\n', signed.slice(1), toHex(signed).toUpperCase()]) await t.rejects(reading(content), { code: 'TX_FILE_INVALID' }, String(content))
  await t.rejects(reading(new Uint8Array(300_000)), { code: 'TX_FILE_INVALID', details: { rule: /at most/ } })
  await t.rejects(readTransactionFile('/dev/zero'), { code: 'TX_FILE_INVALID', details: { rule: /at most/ } }, 'no more is read than may be there')
  await t.rejects(reading('89010203'), { code: 'TX_FILE_INVALID', details: { rule: /^must be a signed transaction \([A-Z_]+\)$/ } })
  await t.rejects(readTransactionFile(directory), { code: 'TX_FILE_INVALID', details: { rule: /EISDIR/ } })
})

t.test('a card is read strictly, and what it holds stands in no refusal', async (t) => {
  const path = join(t.testdir(), 'card')
  const reading = (content: string): ReturnType<typeof readCard> => {
    writeFileSync(path, content)
    return readCard(path)
  }
  const card = { signKey: '01'.repeat(33), sealKey: '02'.repeat(32), tagKey: '5ec4e7'.repeat(11).slice(2) }
  t.same(await reading(JSON.stringify(card)), { signKey: new Uint8Array(33).fill(1), sealKey: new Uint8Array(32).fill(2), tagKey: Buffer.from(card.tagKey, 'hex') })
  for (const content of ['', 'null', '[]', '{}', `{"tagKey":"${card.tagKey}"`, JSON.stringify({ ...card, tagKey: `${card.tagKey}00` }), JSON.stringify({ ...card, signKey: 7 })]) {
    const error: unknown = await reading(content).catch((caught: unknown) => caught)
    t.match(error, { code: 'CARD_INVALID', details: { path } }, content)
    t.notMatch(inspect(error, { depth: 8 }), /5ec4e7/)
  }
})

t.test('every command shows an example, itself or in its group', async (t) => {
  const program = new Command('stele')
  for (const name of readdirSync(new URL('../../node/commands/', import.meta.url))) {
    const { register } = (await import(`../../node/commands/${name}`)) as { readonly register?: (program: Command) => void }
    register?.(program)
  }
  const helpOf = (command: Command): string => {
    let text = ''
    command.configureOutput({ writeOut: (part) => { text += part } }).outputHelp()
    return text
  }
  const missing = (command: Command, path: string, above: string): string[] => {
    const text = helpOf(command)
    const shown = /\nExamples?[:,]/.test(text) || above.includes(`  ${path} `)
    return [...(shown ? [] : [path]), ...command.commands.flatMap((each) => missing(each, `${path} ${each.name()}`, text))]
  }
  t.strictSame(program.commands.flatMap((each) => missing(each, `stele ${each.name()}`, '')), [])
})

const quorum = (reachable: number): RpcClusterStatus['quorum'] => ({ voters: 4, reachable, writes: 3, finality: 3, failuresLeft: Math.max(0, reachable - 3) })

t.test('the quorum is told in one sentence, and no leader is no success', async (t) => {
  t.equal(quorumSentence(quorum(4)), 'quorum 4 of 4 reachable · 2 more failures would stop writes')
  t.equal(quorumSentence(quorum(3)), 'quorum 3 of 4 reachable · 1 more failure would stop writes')
  t.equal(quorumSentence(quorum(2)), 'no quorum: 2 of 4 nodes reachable, writes need 3')
  const node = { node: 1, member: 1, name: 'clinic', role: 'follower', reachable: true, term: 7, height: 12, finalHeight: 11, lag: 2, version: '0.1.0', uptimeMs: 9 * 86_400_000 + 4 * 3_600_000, problems: ['disk 91 %'] } as const
  const status: RpcClusterStatus = { chain: 'ab', leader: 1, term: 7, height: 12, finalHeight: 11, quorum: quorum(3), nodes: [node, { ...node, node: 2, name: 'lab', role: 'unreachable', reachable: false, term: null, height: null, finalHeight: null, lag: null, version: null, uptimeMs: null, problems: [] }], asOf: { height: 12, hash: 'cd', term: 7 } }
  t.equal(formatClusterStatus(status), [
    'NODE  NAME    ROLE         VERSION  TERM  HEIGHT  FINAL  LAG  UPTIME  PROBLEMS',
    '1     clinic  follower     0.1.0    7     12      11     2    9d4h    disk 91 %',
    '2     lab     unreachable  -        -     -       -      -    -',
    'quorum 3 of 4 reachable · 1 more failure would stop writes',
  ].join('\n'))
  t.ok(isWritable(status))
  t.notOk(isWritable({ ...status, leader: null }))
  t.notOk(isWritable({ ...status, quorum: quorum(2) }))
  t.match(formatClusterStatus({ ...status, leader: null }), /no leader/)
  t.match(formatClusterStatus({ ...status, quorum: { ...quorum(4), voters: 5, finality: 4, reachable: 3 } }), /do not become final above height 11/)
  t.same([14_000, 192_000, 7_860_000].map(duration), ['14s', '3m12s', '2h11m'])
})

t.test('a node that is down is told soon, with its URL', async (t) => {
  const startedMs = performance.now()
  await t.rejects(connect('http://127.0.0.1:1').call('node_info', {}), { code: 'CLIENT_UNREACHABLE', message: /http:\/\/127\.0\.0\.1:1/ })
  t.ok(performance.now() - startedMs < 60_000, 'after a few tries, not when a call would time out')
})

t.test('every error code of the commands has a next step', async (t) => {
  for (const code of Object.keys(COMMAND_ERRORS)) t.match(nextStep(code), /\w{3}/)
  t.match(nextStep('KEYSTORE_MODE'), /chmod 600/)
  t.match(nextStep('LEDGER_LOCKED'), /\w/)
  t.equal(nextStep('NO_SUCH_CODE'), undefined)
})

const CONFIG = ['version: 1', 'node: 1', 'genesis: ../the-genesis.json', 'dataDir: data', 'keystore: node.json'].join('\n')

t.test('what to verify is found by the data folder, by the folder above, and by the configuration', async (t) => {
  const root = t.testdir({ 'the-genesis.json': '{}', node: { 'config.yaml': CONFIG, data: { ledger: { '00000001.segment': 'x' } } }, bare: { data: { ledger: { '00000001.segment': 'x' } } }, empty: { ledger: {} } })
  const genesis = join(root, 'the-genesis.json')
  const dataDir = join(root, 'node', 'data')
  t.same(findPlace(join(root, 'node'), undefined), { dataDir, genesis })
  t.same(findPlace(dataDir, undefined), { dataDir, genesis })
  t.same(findPlace(dataDir, genesis), { dataDir, genesis })
  t.same(findPlace(join(root, 'bare'), genesis).dataDir, join(root, 'bare', 'data'))
  t.throws(() => findPlace(join(root, 'bare', 'data'), undefined), { code: 'VERIFY_GENESIS_MISSING' })
  writeFileSync(join(root, 'genesis.json'), '{}')
  t.equal(findPlace(join(root, 'bare', 'data'), undefined).genesis, join(root, 'genesis.json'), 'a genesis.json above, as in a network made in one place')
  mkdirSync(join(root, 'lost', 'ledger'), { recursive: true })
  writeFileSync(join(root, 'lost', 'ledger', '00000002.spare'), 'x')
  t.equal(findPlace(join(root, 'lost'), genesis).dataDir, join(root, 'lost'), 'a ledger whose segments are gone is one to verify')
  t.throws(() => readGenesis(genesis), { code: 'GENESIS_INVALID', message: /no genesis file/, details: { file: genesis } })
  t.throws(() => findPlace(join(root, 'empty'), genesis), { code: 'VERIFY_NO_DATA' })
  t.throws(() => findPlace(join(root, 'absent'), genesis), { code: 'VERIFY_NO_DATA', details: { reason: 'ENOENT' } })
  t.throws(() => findPlace(genesis, genesis), { code: 'VERIFY_NO_DATA', details: { reason: 'ENOTDIR' } })
})

t.test('a held folder is recognised without a byte of it changing', async (t) => {
  const dataDir = t.testdir({ ledger: {} })
  const folder = join(dataDir, 'ledger')
  t.notOk(isRunning(dataDir))
  const release = await takeLock(join(folder, 'lock'))
  const names = readdirSync(folder)
  t.ok(isRunning(dataDir))
  t.same(readdirSync(folder), names)
  await release()
  t.notOk(isRunning(dataDir))
})

const report: VerifyReport = {
  sound: true, chain: 'ab'.repeat(32), directory: '/data', running: false, ledger: { segments: 1, bytes: 16 * 1024 * 1024, records: 9, lastIndex: 4, lastHeight: 3 },
  blocks: { checked: 3, transactions: 1200, signatures: 1203, executedHeight: 3 }, certificates: { checked: 1, attestations: 2, finalHeight: 3 },
  state: { height: 3, values: 7, treeNodes: 2, indexRows: 20, files: 3 }, vault: { blobs: 1, bytes: 100, promised: 2 }, evidence: [], skipped: [], findings: [], findingCount: 0, durationMs: 1234,
}

t.test('a sound folder is told in a line a part, an unsound one with place, rule and what to do', async (t) => {
  t.equal(formatVerifyReport(report), [
    '✓ ledger        1 segment, 16.0 MiB, 9 records read byte by byte', '✓ chain         3 blocks, 1,200 transactions, 1,203 signatures; executed again up to height 3',
    '✓ certificates  1 certificate, 2 own attestations; final up to height 3', '✓ state         height 3: 7 values, 2 tree nodes, 20 index rows, 3 files', '✓ vault         1 blob, 100 bytes; 2 promised by storage receipts', '',
    `sound · chain ${'ab'.repeat(8)}… · 1.2 s`,
  ].join('\n'))
  t.match(formatVerifyReport({ ...report, evidence: [{ kind: 'attestation', node: 2, member: 2, at: 9 }] }), /! evidence +node 2 of member 2 attested to two different blocks at height 9/)
  const damaged = formatVerifyReport({
    ...report, sound: false, findingCount: 900, skipped: [{ part: 'chain', why: 'not all of it' }],
    findings: [{ part: 'ledger', code: 'LEDGER_DAMAGED', rule: 'every record matches its checksum', height: 2, index: 3, segment: 1, offset: 16_900, bytes: 312, details: { record: 'entry', repair: 'copy' } }],
  })
  t.match(damaged, /✗ ledger .*\n {4}LEDGER_DAMAGED height 2, entry 3, segment 1, offset 16900, 312 bytes\n {6}broken rule: every record matches its checksum \(record entry, repair copy\)\n✓ chain/)
  t.match(damaged, /! chain +not all of it[^]*and 899 more findings[^]*not sound: 900 findings in \/data\n→ .*Start the node/)
  const lost = formatVerifyReport({ ...report, sound: false, findingCount: 2, findings: [{ part: 'ledger', code: 'LEDGER_DAMAGED', rule: 'a' }, { part: 'ledger', code: 'LEDGER_UNREPAIRABLE', rule: 'b' }] })
  t.match(lost, /\n→ .*member propose replace.*Starting it again does not help\.$/)
  t.notMatch(lost, /Start the node/, 'a start would be refused')
})

t.test('progress tells part, share and time left, not more often than the eye can follow', async (t) => {
  const written: string[] = []
  let nowMs = 0
  const line = createProgressLine((text) => written.push(text), () => nowMs)
  line.clear()
  t.same(written, [])
  for (nowMs = 1000; nowMs < 2000; nowMs += 50) line.show({ part: 'chain', done: nowMs - 1000, total: 2000 })
  t.ok(written.length >= 4 && written.length <= 6, `${written.length} lines`)
  t.match(written.at(-1), /chain \d+ % · 1\.\d s left/)
  line.clear()
  t.equal(written.at(-1), '\r\u001b[K')
})

t.test('CRC-32C and LevelDB\'s formats are as their documents say', async (t) => {
  // RFC 3720 B.4: test vectors of CRC-32C.
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
  t.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283)
  t.same([...logFaults(new Uint8Array(0))], [], 'a new log is empty')
  t.match([...logFaults(new Uint8Array(5))], [{ rule: /whole record/ }])
  t.match([...tableFaults(new Uint8Array(20))], [{ rule: /footer/ }])
})


t.test('what a person names to be read or written is refused by path and reason, before anything is done', async (t) => {
  const directory = t.testdir({ full: 'x', empty: '' })
  t.same(await readWhole(join(directory, 'full')), Buffer.from('x'))
  for (const [path, reason] of [['nope', 'ENOENT'], ['.', 'EISDIR'], ['empty', 'empty'], ['/dev/zero', 'not a file']] as const) await t.rejects(readWhole(resolve(directory, path)), { code: 'INPUT_UNREADABLE', details: { path: resolve(directory, path), reason } })
  t.doesNotThrow(() => mustBeWritable(join(directory, 'new')))
  t.throws(() => mustBeWritable(join(directory, 'full')), { code: 'OUTPUT_EXISTS' })
  t.doesNotThrow(() => mustBeWritable(join(directory, 'full'), { replace: true }))
  t.throws(() => mustBeWritable(directory, { replace: true }), { code: 'OUTPUT_EXISTS' })
  t.throws(() => mustBeWritable(join(directory, 'nope', 'new')), { code: 'OUTPUT_UNWRITABLE', details: { reason: 'ENOENT' } })
})

t.test('an option of a command that is called like one of the program is the command\'s', async (t) => {
  const said: string[] = []
  const out = t.capture(process.stdout, 'write', (text: string) => { said.push(text); return true })
  t.capture(process.stderr, 'write', (text: string) => { said.push(text); return true })
  const code = await runCli(['node', 'stele', 'member', 'propose', 'activate', '--contract', 'consent', '--version', '2', '--height', '9000', '--config', join(t.testdir(), 'absent.yaml')])
  out.restore()
  t.equal(code, 1)
  t.match(said.join(''), /CONFIG_UNREADABLE/)
  t.notMatch(said.join(''), /^\d+\.\d+\.\d+\n/)
})

t.test('an argument without text is refused by its place, before anything is done', async (t) => {
  const said: string[] = []
  const errors = t.capture(process.stderr, 'write', (text: string) => { said.push(text); return true })
  for (const args of [['archive', 'export', '', '--data', 'x'], ['snapshot', 'list', '--data', ''], ['snapshot', 'list', '--data=']]) t.equal(await runCli(['node', 'stele', ...args]), 2, args.join(' '))
  errors.restore()
  t.match(said.join(''), /USAGE_EMPTY.*place=3 after=export[^]*place=4 after=--data\)[^]*place=3 after=--data=/)
})

t.test('what the operating system refuses is told with call, path and reason, and no stack', async (t) => {
  const path = join(t.testdir({ file: 'x' }), 'file', 'below')
  const said: string[] = []
  const errors = t.capture(process.stderr, 'write', (text: string) => { said.push(text); return true })
  const code = await runCli(['node', 'stele', 'keygen', '--member', 'x', '--number', '1', '--address', '/ip4/127.0.0.1/tcp/9000', '--out', path, '--passphrase-file', path])
  errors.restore()
  t.equal(code, 1)
  t.notMatch(said.join(''), /\n +at /)
  t.match(said.join(''), /^stele: [A-Z_]+: .*below[^]*\n→ /)
})

t.test('a log tells what caused an error of a known code without a stack, and a bug with one', async (t) => {
  const failed = new TypeError('fetch failed', { cause: Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }) })
  const told = describeError(new SteleError({ code: 'CLIENT_UNREACHABLE', message: 'no node', details: { node: 'http://127.0.0.1:1' }, cause: failed }))
  t.notMatch(JSON.stringify(told), /stack/)
  t.match(told, { code: 'CLIENT_UNREACHABLE', details: { node: 'http://127.0.0.1:1' }, cause: { message: 'fetch failed', cause: { code: 'ECONNREFUSED' } } })
  t.match(describeError(failed), { stack: /TypeError: fetch failed/ })
  t.match(describeError(new SteleError({ code: 'INVARIANT_BROKEN', message: 'a bug' })), { stack: /a bug/ })
})

t.test('a transaction without effect is told with what its result means', async (t) => {
  t.match(nextStep('CLIENT_TX_FAILED', { result: 'PROPOSAL_UNKNOWN' }), /no proposal has this id/)
  t.equal(nextStep('CLIENT_TX_FAILED', { result: 'NO_SUCH_RESULT' }), undefined)
  for (const code of ['RPC_LISTEN_FAILED', 'SNAPSHOT_NOT_FOUND', 'ARCHIVE_INVALID']) t.match(nextStep(code), /\w/, code)
})

t.test('the status of a node says of which member it is, or that the ledger held there does not name it', async (t) => {
  const info = METHODS.node_info.examples[0]!.result as RpcNodeInfo
  t.match(formatNodeInfo(info, info.startedAt), /^node {6}1 of hospital-a \(member 1\)$/m)
  t.match(formatNodeInfo({ ...info, node: 5, member: 0, name: 'joining' }, info.startedAt), /^node {6}5, which the ledger held here does not name/m)
})
