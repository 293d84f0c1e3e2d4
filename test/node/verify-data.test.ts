// Goal: `stele verify` finds any change to what a node keeps (issue "Shows" 6).
// Method: real nodes tell a story; copies of a folder are spoiled, one thing at a time, in bytes and in meaning.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { verifyReceipt } from '../../client/verify-receipt.ts'
import { blockHashOf, decodeBlock, decodeHeader, encodeBlock, encodeHeader } from '../../primitives/block.ts'
import { attestationBytes, attestationSchema, certificateSchema } from '../../primitives/certificate.ts'
import type { Attestation, Certificate } from '../../primitives/certificate.ts'
import { evidenceSchema, makeEvidence } from '../../primitives/evidence.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { chainIdOf } from '../../primitives/genesis.ts'
import { inclusionPathOf, leafHash, subtreeOfHashes } from '../../primitives/merkle.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import type { ReceiptBundle } from '../../primitives/receipt.ts'
import { verifyData } from '../../node/verify-data.ts'
import { scanLedgerFiles } from '../../node/verify-ledger.ts'
import { VerifyJournal } from '../../node/verify-report.ts'
import type { VerifyPart, VerifyReport } from '../../node/verify-report.ts'
import { checkDatabaseFiles } from '../../node/verify-tables.ts'
import { openDatabase } from '../../state/database.ts'
import { rowKey } from '../../state/keyspace.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { LedgerRecord } from '../../state/ledger-record.ts'
import { nodeFileSystem, nodeTimers } from '../../state/node-file-system.ts'
import { systemRandom } from '../../node/system.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { filesBelow } from '../vault/fixtures.ts'
import { copyOf, inSmallSegments, tellLedger } from '../helpers/told-ledger.ts'

const told = await tellLedger(t.testdir())
const { genesis } = told
const chain = chainIdOf(genesis)
const scratch = join(told.genesisPath, '..', 'scratch')
const verify = (dataDir: string, parts?: readonly VerifyPart[]): Promise<VerifyReport> => verifyData({ dataDir, genesis, threads: 0, ...(parts === undefined ? {} : { parts }) })
const copy = (i = 0): string => copyOf(told.dataDirs[i]!, scratch)

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path)
  bytes[offset]! ^= 1 << (offset % 8)
  writeFileSync(path, bytes)
}

const fingerprint = (folder: string): string[] => filesBelow(folder).sort().map((path) => {
  const { mtimeMs, ctimeMs } = statSync(path)
  return `${path} ${mtimeMs} ${ctimeMs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`
})

t.test('every node\'s folder is sound, and verification does not change one byte, name or time in it', async (t) => {
  for (const dataDir of told.dataDirs) {
    const before = fingerprint(dataDir)
    const report = await verify(dataDir)
    t.same(report.findings, [])
    t.same(report.skipped, [])
    t.match(report, { sound: true, running: false, blocks: { checked: 8, transactions: 8, signatures: 16, executedHeight: 8 }, certificates: { finalHeight: 8 }, state: { height: 8 } })
    t.ok(report.state!.indexRows > 40 && report.state!.values > 20)
    t.same(fingerprint(dataDir), before)
  }
  t.match((await verify(told.dataDirs[0]!)).vault, { blobs: 1, promised: 1 })
})

t.test('another genesis is refused by name', async (t) => {
  await t.rejects(verifyData({ dataDir: told.dataDirs[0]!, genesis: { ...genesis, timeMs: genesis.timeMs + 1n } }), { code: 'LEDGER_WRONG_CHAIN' })
})

t.test('one flipped byte in any segment, in records, headers, slots or the zeros between, is found and placed', async (t) => {
  const folder = copy()
  await inSmallSegments(folder, chain)
  const whole = await verify(folder)
  t.same(whole.findings, [])
  t.ok(whole.ledger.segments >= 3, `${whole.ledger.segments} segments`)
  const missed: string[] = []
  let flips = 0
  for (const name of readdirSync(join(folder, 'ledger')).filter((each) => each.endsWith('.segment'))) {
    const path = join(folder, 'ledger', name)
    const bytes = readFileSync(path)
    for (const offset of sampledOffsets(bytes)) {
      const was = bytes[offset]!
      bytes[offset] = was ^ (1 << (offset % 8))
      writeFileSync(path, bytes)
      bytes[offset] = was
      flips++
      const journal = new VerifyJournal(() => {})
      const ledger = await scanLedgerFiles(join(folder, 'ledger'), chain, journal, false)
      ledger?.reader.close()
      if (!journal.findings.some((found) => found.segment === Number.parseInt(name, 10) && found.offset! <= offset && offset < found.offset! + found.bytes!)) missed.push(`${name}@${offset}`)
    }
    writeFileSync(path, bytes)
  }
  t.same(missed, [])
  t.ok(flips > 400, `${flips} flips`)
})

/** Of the used area every 37th byte, all of headers' and slots' first words, some of the zeros between and behind. */
function sampledOffsets(bytes: Uint8Array): number[] {
  let used = bytes.length
  while (used > 0 && bytes[used - 1] === 0) used--
  return [...bytes.keys()].filter((offset) => (offset >= 16_384 && offset < used + 64 ? offset % 37 === 0 : bytes[offset] !== 0 ? offset % 5 === 0 : offset % 1201 === 0))
}

t.test('damage in a block\'s record names height, entry, segment, offset and rule, and what follows is still checked', async (t) => {
  const folder = copy()
  const journal = new VerifyJournal(() => {})
  const ledger = (await scanLedgerFiles(join(folder, 'ledger'), chain, journal, false))!
  const { index } = ledger.image.state
  const place = index.location(index.indexOfHeight(4)!)
  ledger.reader.close()
  flip(join(folder, 'ledger', '00000001.segment'), place.offset + 400)
  const report = await verify(folder)
  t.match(report.findings[0], { part: 'ledger', code: 'LEDGER_DAMAGED', height: 4, index: index.indexOfHeight(4), segment: 1, offset: place.offset, rule: /checksum/ })
  t.match(report, { sound: false, blocks: { checked: 7, executedHeight: 3 } }, 'the blocks after it are linked and their signatures checked')
  t.match(report.skipped, [{ part: 'chain', why: /not executed/ }, {}])
  t.equal(report.findings.filter(({ part }) => part === 'state').length, 0, 'the state is sound')
})

t.test('damage that no peer can mend has the code with which a start refuses it', async (t) => {
  const folder = copy()
  for (const slot of [4096, 8192]) flip(join(folder, 'ledger', '00000001.segment'), slot + 20)
  const { findings } = await verify(folder, ['ledger'])
  t.ok(findings.some(({ code }) => code === 'LEDGER_UNREPAIRABLE'), findings.map(({ code }) => code).join(' '))
  await t.rejects(openLedger({ directory: join(folder, 'ledger'), chainId: chain }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: systemRandom, failed: () => undefined }), { code: 'LEDGER_UNREPAIRABLE' })
})

t.test('a flipped byte anywhere in the state database is found', async (t) => {
  const folder = copy()
  const state = join(folder, 'state')
  // Opening and closing turns the write-ahead log into a table, so both kinds of files are there.
  const database = await openDatabase(state)
  await database.close()
  await settle(state)
  t.same((await verify(folder, ['state', 'chain'])).findings, [])
  const missed: string[] = []
  for (const name of readdirSync(state).filter((each) => /^\d+\.(ldb|log)$|^MANIFEST|^CURRENT$/.test(each))) {
    const bytes = readFileSync(join(state, name))
    for (let offset = 0; offset < bytes.length; offset += Math.max(1, Math.floor(bytes.length / 60))) {
      const was = bytes[offset]!
      bytes[offset] = was ^ (1 << (offset % 8))
      writeFileSync(join(state, name), bytes)
      bytes[offset] = was
      const journal = new VerifyJournal(() => {})
      await checkDatabaseFiles(state, journal)
      if (!journal.findings.some(({ file }) => file === join(state, name))) missed.push(`${name}@${offset}`)
    }
    writeFileSync(join(state, name), bytes)
  }
  t.same(missed, [])
  const table = readdirSync(state).find((each) => each.endsWith('.ldb'))!
  flip(join(state, table), 700)
  const report = await verify(folder, ['state', 'chain'])
  t.match(report, { sound: false, findings: [{ part: 'state', code: 'STATE_FILE_DAMAGED', file: join(state, table) }] })
})

/** Waits until a database that was just opened has written its table. */
async function settle(state: string): Promise<void> {
  for (let tries = 0; tries < 200 && !readdirSync(state).some((name) => name.endsWith('.ldb')); tries++) await new Promise((resolve) => setImmediate(resolve))
}

t.test('state that was rewritten consistently with itself, but not with the chain, is found', async (t) => {
  const wrote = async (change: (state: string) => Promise<void>): Promise<VerifyReport> => {
    const folder = copy()
    await change(join(folder, 'state'))
    return verify(folder)
  }
  const write = (key: Uint8Array, value: Uint8Array | undefined) => async (state: string): Promise<void> => {
    const database = await openDatabase(state)
    await database.write([{ key, value }], { sync: true })
    await database.close()
  }
  const strange = rowKey('transaction', new Uint8Array(32).fill(7))
  t.match((await wrote(write(strange, new Uint8Array(12)))).findings, [{ code: 'INDEX_DAMAGED', rule: /no block gave/ }], 'a planted index row')
  const known = rowKey('transaction', told.ids[0]!)
  t.match((await wrote(write(known, undefined))).findings, [{ code: 'INDEX_DAMAGED', rule: /left its rows/ }], 'an index row that is gone')
  t.match((await wrote(write(known, new Uint8Array(12)))).findings, [{ code: 'INDEX_DAMAGED', rule: /says what the block gave/ }], 'an index row that was altered')
  t.match((await wrote(write(rowKey('value', new Uint8Array(4).fill(9)), new Uint8Array(3)))).findings, [{ code: 'STATE_DAMAGED' }], 'a planted state value')
  const behind = copy()
  rmSync(join(behind, 'state'), { recursive: true })
  t.match(await verify(behind), { sound: true, skipped: [{ part: 'state', why: /no state folder/ }] }, 'a state that is not there is made anew')
})

/** A copy of node 1's folder whose ledger was written anew with forged records: every checksum is right. */
async function forged(rewrite: (record: LedgerRecord) => LedgerRecord): Promise<VerifyReport> {
  const folder = copy()
  await inSmallSegments(folder, chain, 64 * 1024, rewrite)
  return verify(folder, ['chain', 'certificates'])
}

t.test('forged blocks under right checksums are found by the rules of the chain', async (t) => {
  const signature = await forged((record) => {
    if (record.type === 'entry' && record.entry.height === 5) {
      const envelope = decodeBlock(record.entry.data)
      envelope.signature[0]! ^= 1
      return { ...record, entry: { ...record.entry, data: encodeBlock(envelope) } }
    }
    return record
  })
  t.match(signature, { sound: false, blocks: { checked: 8, executedHeight: 4 }, findings: [{ part: 'chain', code: 'BLOCK_INVALID', height: 5, rule: 'every signature verifies' }] })
  const header = await forged((record) => {
    if (record.type === 'entry' && record.entry.height === 3) {
      const envelope = decodeBlock(record.entry.data)
      return { ...record, entry: { ...record.entry, data: encodeBlock({ ...envelope, header: encodeHeader({ ...decodeHeader(envelope.header), stateRoot: new Uint8Array(32) }) }) } }
    }
    return record
  })
  t.match(header, { sound: false, blocks: { executedHeight: 2 } })
  t.ok(header.findings.some(({ height, rule }) => height === 4 && rule === 'the parent is the block before'), 'the next block does not name it')
  t.ok(header.findings.some(({ height, code }) => height === 3 && code === 'CERTIFICATE_OTHER_BLOCK'), 'its certificate is for another block')
})

t.test('forged certificates and attestations under right checksums are found', async (t) => {
  const certified = (change: (certificate: Certificate) => Certificate) => forged((record) => (record.type === 'certificate' && record.certificate.height === 6
    ? { ...record, certificate: { height: 6, bytes: encode(certificateSchema, change(decode(certificateSchema, record.certificate.bytes))) } } : record))
  t.match((await certified((certificate) => ({ ...certificate, signatures: certificate.signatures.slice(1) }))).findings, [{ code: 'CERTIFICATE_TOO_FEW' }])
  t.match((await certified(({ content, signatures: [first, second] }) => ({ content, signatures: [first!, second!, second!] }))).findings, [{ code: 'CERTIFICATE_SIGNER_TWICE' }])
  t.match((await certified(({ content, signatures: [first, second, third] }) => ({ content, signatures: [first!, second!, { ...third!, node: 9 }] }))).findings, [{ code: 'CERTIFICATE_SIGNER_UNKNOWN' }])
  t.match((await certified(({ content, signatures }) => ({ content: { ...content, stateRoot: content.block }, signatures }))).findings, [{ code: 'CERTIFICATE_SIGNATURE_INVALID' }])
  const attested = await forged((record) => {
    if (record.type !== 'attestation' || record.attestation.height !== 6) return record
    const attestation = decode(attestationSchema, record.attestation.bytes!)
    attestation.signature[1]! ^= 1
    return { ...record, attestation: { ...record.attestation, bytes: encode(attestationSchema, attestation) } }
  })
  t.match(attested.findings, [{ part: 'certificates', code: 'CERTIFICATE_SIGNATURE_INVALID', height: 6 }])
})

t.test('an entry this node refused and never acknowledged is no damage; the same without the refusal is', async (t) => {
  const withTail = async (refused: boolean): Promise<VerifyReport> => {
    const folder = copy()
    const opened = await openLedger({ directory: join(folder, 'ledger'), chainId: chain, create: false }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: systemRandom, failed: (error) => { throw error } })
    if (opened.status !== 'normal') throw new Error('the ledger is sound')
    const { ledger } = opened
    const last = ledger.entry(ledger.indexOfHeight(8)!)!
    const envelope = decodeBlock(last.data)
    const header = { ...decodeHeader(envelope.header), height: 9n, parent: blockHashOf(chain, envelope.header), stateRoot: new Uint8Array(32) }
    const index = ledger.lastIndex() + 1
    await ledger.append({ entries: [{ ...last, index, height: 9, data: encodeBlock({ ...envelope, header: encodeHeader(header) }), hash: blockHashOf(chain, encodeHeader(header)) }], ...(refused && { refusals: [{ index, term: last.term, code: 'ROOT_MISMATCH', root: new Uint8Array(32) }] }) })
    await ledger.close()
    return verify(folder)
  }
  t.match(await withTail(true), { sound: true, blocks: { executedHeight: 8 }, skipped: [{ part: 'chain', why: /refused by this node \(ROOT_MISMATCH\)/ }] })
  t.match(await withTail(false), { sound: false, findings: [{ part: 'chain', code: 'BLOCK_INVALID', height: 9 }] })
})

t.test('kept evidence is checked: two signatures of one node over different blocks at one height, and nothing less', async (t) => {
  const folder = copy()
  const { finality: { certificate: { content } } } = told.permit
  const attested = (node: number, block: Uint8Array): Attestation => {
    const other = { ...content, block }
    return { content: other, node, signature: told.signers[node - 1]!.sign(attestationBytes(chain, other)) }
  }
  const line = (first: Attestation, second: Attestation): object => ({ kind: 'attestation', evidence: Buffer.from(encode(evidenceSchema, makeEvidence({ kind: 'attestation', value: { first, second } }))).toString('hex') })
  const keep = (...pieces: readonly object[]): void => writeFileSync(join(folder, 'evidence.ndjson'), pieces.map((piece) => `${JSON.stringify(piece)}\n`).join(''))
  keep(line(attested(2, content.block), attested(2, new Uint8Array(32))))
  t.match(await verify(folder), { sound: true, evidence: [{ kind: 'attestation', node: 2, member: 2, at: Number(content.height) }] })
  const forged = { ...attested(1, new Uint8Array(32)), signature: new Uint8Array(64) }
  keep(line(attested(2, content.block), attested(2, content.block)), line(attested(2, content.block), attested(3, new Uint8Array(32))), { kind: 'attestation' }, line(attested(1, content.block), forged))
  t.match(await verify(folder), { sound: false, evidence: [], findings: [1, 2, 3, 4].map((line) => ({ code: 'EVIDENCE_DAMAGED', details: { line } })) })
})

t.test('a blob that this node signed for and no longer has is found, by record and block', async (t) => {
  const folder = copy(1)
  rmSync(join(folder, 'vault'), { recursive: true })
  t.match(await verify(folder), { sound: false, findings: [{ part: 'vault', code: 'VAULT_NOT_FOUND', height: 4, rule: /storage receipt/, details: { version: 1 } }] })
})

t.test('a torn tail is a finding, unless the folder is a copy of a running node', async (t) => {
  const folder = copy()
  const path = join(folder, 'ledger', '00000001.segment')
  const bytes = readFileSync(path)
  let used = bytes.length
  while (bytes[used - 1] === 0) used--
  bytes.set([1, 2, 3], used + 64)
  writeFileSync(path, bytes)
  t.match(await verify(folder), { sound: false, findings: [{ part: 'ledger', code: 'LEDGER_TORN', segment: 1 }], blocks: { executedHeight: 8 } })
  t.match(await verifyData({ dataDir: folder, genesis, threads: 0, tornTailAllowed: true }), { sound: true, skipped: [{ part: 'ledger', why: /not finished/ }] })
})

t.test('a flipped byte in a stored blob, or a file that has no business there, is found', async (t) => {
  const folder = copy()
  const [path] = filesBelow(join(folder, 'vault', 'blobs'))
  flip(path!, 1_048_700)
  t.match(await verify(folder, ['vault']), { sound: false, findings: [{ part: 'vault', code: 'VAULT_DAMAGED', details: { chunk: 1 } }] })
  flip(path!, 1_048_700)
  flip(path!, statSync(path!).size - 3)
  t.match((await verify(folder, ['vault'])).findings, [{ code: 'VAULT_DAMAGED', rule: /hashes/ }])
  flip(path!, statSync(path!).size - 3)
  writeFileSync(`${path!}.tmp`, 'x')
  t.match((await verify(folder, ['vault'])).findings, [{ code: 'VAULT_DAMAGED', rule: /every file/ }])
})

const refusal = (bundle: ReceiptBundle | Uint8Array): string | undefined => {
  try {
    verifyReceipt(bundle, { genesis })
    return undefined
  } catch (error) {
    return errorCode(error)
  }
}

t.test('a receipt from a real node proves its decision by attestations of other nodes than the one asked', async (t) => {
  for (const bundle of told.bundles) t.equal(refusal(encode(receiptBundle, bundle)), undefined)
  const report = verifyReceipt(told.permit, { genesis })
  t.match(report, { code: 'OK', needed: 3, voters: 4, events: [{ contract: 'access', name: 'decision', data: { decision: 'permit' } }] })
  t.ok(report.attestedBy.filter(({ node }) => node !== 1).length >= 2, 'node 1 was asked')
})

t.test('a receipt with any one byte flipped is refused, in every field', async (t) => {
  const bytes = encode(receiptBundle, told.permit)
  t.ok(bytes.length > 1000, `${bytes.length} bytes`)
  // Every third byte, so that the smallest field of 4 bytes is hit too; a different bit each time.
  const passed: number[] = []
  for (let at = 0; at < bytes.length; at += 3) {
    const spoilt = bytes.slice()
    spoilt[at]! ^= 1 << (at % 8)
    if (refusal(spoilt) === undefined) passed.push(at)
  }
  t.same(passed, [])
  for (const cut of [1, 100, bytes.length - 1]) t.match(refusal(bytes.subarray(0, cut)), /^CODEC_/)
  t.match(refusal(Buffer.concat([bytes, Buffer.of(0)])), /^CODEC_/)
})

t.test('a receipt with too few, duplicate or foreign signers, or of another block, is refused', async (t) => {
  const { finality } = told.permit
  const [first, second, third] = finality.certificate.signatures
  const signedBy = (signatures: Certificate['signatures']): string | undefined => refusal({ ...told.permit, finality: { ...finality, certificate: { ...finality.certificate, signatures } } })
  t.equal(signedBy([first!, second!]), 'CERTIFICATE_TOO_FEW')
  t.equal(signedBy([first!, second!, second!]), 'CERTIFICATE_SIGNER_TWICE')
  t.equal(signedBy([second!, first!, third!]), 'CERTIFICATE_SIGNER_TWICE', 'out of order')
  t.equal(signedBy([first!, second!, { ...third!, node: 9 }]), 'CERTIFICATE_SIGNER_UNKNOWN')
  t.equal(signedBy([first!, second!, { ...third!, signature: second!.signature }]), 'CERTIFICATE_SIGNATURE_INVALID')
  t.match(refusal({ ...told.permit, receipt: told.bundles[0]!.receipt }), /^PROOF_/)
  t.match(refusal({ ...told.permit, finality: told.bundles[0]!.finality }), /^PROOF_/)
})

t.test('a receipt whose block became final with a later one proves that by its place in the later one\'s history, and not with a flipped byte', async (t) => {
  const last = told.bundles[7]!
  t.equal(last.finality.descendant, null, 'the newest block is certified itself')
  const leaves = [chain, ...told.bundles.slice(0, 7).map(({ header }) => blockHashOf(chain, header))].map(leafHash)
  const early = told.bundles[3]!
  const path = inclusionPathOf(4, 8, subtreeOfHashes(leaves))
  const certified: ReceiptBundle = { ...early, finality: { certificate: last.finality.certificate, descendant: { header: last.header, path } } }
  t.match(verifyReceipt(certified, { genesis }), { height: 4, certifiedHeight: 8 })
  const bytes = encode(receiptBundle, certified)
  const passed = [...bytes.keys()].filter((at) => at % 5 === 0 && refusal(bytes.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte))) === undefined)
  t.same(passed, [])
  t.equal(refusal({ ...certified, finality: { ...certified.finality, descendant: { header: last.header, path: path.toReversed() } } }), 'PROOF_NOT_AN_ANCESTOR')
  t.equal(refusal({ ...certified, finality: { ...certified.finality, descendant: { header: last.header, path: path.slice(1) } } }), 'PROOF_NOT_AN_ANCESTOR')
  t.equal(refusal({ ...certified, finality: { ...certified.finality, descendant: null } }), 'PROOF_WRONG_BLOCK')
})
