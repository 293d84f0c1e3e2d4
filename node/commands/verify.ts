import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { SteleError } from '../../primitives/error.ts'
import { hexBytes } from '../command-options.ts'
import { bad, EXIT, explain, good, print, printJson } from '../output.ts'
import { VERIFY_PARTS } from '../verify-report.ts'
import type { VerifyPart } from '../verify-report.ts'

interface DataOptions { readonly data?: string; readonly genesis?: string; readonly only?: readonly VerifyPart[]; readonly allowTornTail?: boolean; readonly json?: boolean }

function partsOf(value: string): VerifyPart[] {
  return value.split(',').map((name) => {
    const part = VERIFY_PARTS.find((each) => each === name.trim())
    if (part === undefined) throw new InvalidArgumentError(`a list of ${VERIFY_PARTS.join(', ')}`)
    return part
  })
}

export function register(program: Command): void {
  const verify = program.command('verify')
    .description('re-hash a node\'s data folder from genesis; or a receipt or proof, offline')
    .option('--data <dir>', 'a node\'s data folder, or the folder with its config.yaml; nothing in it is changed')
    .option('--genesis <file>', 'genesis file, from a source you trust (default: the one its configuration names)')
    .option('--only <parts>', `some of ${VERIFY_PARTS.join(',')}`, partsOf)
    .option('--allow-torn-tail', 'an unfinished batch at the end of the ledger is no finding: for a copy of a running node')
    .option('--json', 'print the report as one line of JSON')
    .addHelpText('after', `
Examples:
  stele verify --data hospital-a/data
  stele verify --data /backup/hospital-a --genesis genesis.json --json
  stele verify --data hospital-a/data --only ledger,chain
  stele verify receipt receipt.json --genesis genesis.json
  stele verify proof proof.json --genesis genesis.json

Reads every byte of the ledger, checks the chain of blocks with all roots and signatures, executes every block again, checks certificates,
attestations, state, indexes and stored blobs. Exit 0 when sound, 4 when not: then every finding names height, entry, segment, offset and rule.
Works on the folder of a stopped node, on a copy, and beside a running node (without its state database).`)
    .action(verifyFolder)
  verify.command('receipt')
    .argument('<file>', 'what `stele tx receipt` or tx_receipt gave: JSON with `bundle`, hex, or the bytes; - for standard input')
    .description('verify a receipt with no node and no network')
    .option('--genesis <file>', 'genesis file, from a source you trust')
    .option('--history <file>', 'a later proof (`stele proof`): proves changes of members since genesis, and recoveries that gave blocks up')
    .option('--json', 'print the report as one line of JSON')
    .addHelpText('after', `
Examples:
  stele verify receipt receipt.json --genesis genesis.json
  stele verify receipt receipt.json --genesis genesis.json --history proof.json
  stele tx receipt 3f…9a --rpc http://127.0.0.1:8545 --json | stele verify receipt - --genesis genesis.json

Checks leaf, Merkle path, header, and the attestations of a quorum of members. With a history it also says whether a recovery of the chain gave the block up
(SUPERSEDED: it was final once and is no more). Exit 0 when it proves what it says, 4 when not, superseded ones included.`)
    // The parent command has options of the same names and sees them first.
    .action((file: string, _options: object, command: Command) => verifyReceiptFile(file, command.optsWithGlobals()))
  verify.command('proof')
    .argument('<file>', 'proof bundle as `stele proof` or chain_bundle gave it, byte for byte; - for standard input')
    .description('verify a proof bundle with no node and no network')
    .option('--genesis <file>', 'genesis file, from a source you trust')
    .option('--checkpoint <hex>', 'hash of a block you once saw final, for a bundle that begins there', hexBytes(32))
    .option('--json', 'print the verdict as one line of JSON')
    .addHelpText('after', `
Examples:
  stele verify proof proof.json --genesis genesis.json
  stele verify proof proof.json --checkpoint 5c…01 --json
  stele proof --transaction 3f…9a | stele verify proof - --genesis genesis.json

Checks every change of members, the certificate, the receipt and the state proof. Any changed byte is refused. Exit 0 when it proves what it says, 4 when not, or when a recovery
of the chain gave it up (SUPERSEDED).`)
    .action((file: string, _options: object, command: Command) => verifyProofFile(file, command.optsWithGlobals()))
}

async function verifyFolder({ data, genesis: genesisOption, only, allowTornTail, json }: DataOptions): Promise<void> {
  if (data === undefined) throw new SteleError({ code: 'USAGE_DATA_MISSING', message: 'name what to verify: --data DIR, `receipt FILE` or `proof FILE`; see stele verify --help' })
  const [{ findPlace }, { readGenesis }, { verifyData }, { createProgressLine, formatVerifyReport }] = await Promise.all([
    import('../verify-place.ts'), import('../genesis-file.ts'), import('../verify-data.ts'), import('../verify-text.ts'),
  ])
  const place = findPlace(data, genesisOption)
  const line = createProgressLine((text) => process.stderr.write(text), () => performance.now())
  const interactive = process.stderr.isTTY && json !== true
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort(new SteleError({ code: 'VERIFY_INTERRUPTED', message: 'the verification was interrupted; nothing was changed' })))
  const report = await verifyData({
    dataDir: place.dataDir, genesis: readGenesis(place.genesis), signal: abort.signal, tornTailAllowed: allowTornTail === true, ...(only === undefined ? {} : { parts: only }),
    onProgress: (progress) => { if (interactive) line.show(progress) },
  })
  if (interactive) line.clear()
  if (json === true) printJson(report)
  else print(formatVerifyReport(report))
  process.exitCode = report.sound ? EXIT.ok : EXIT.verificationFailed
}

async function verifyReceiptFile(path: string, { genesis: genesisPath, history: historyPath, json }: { readonly genesis?: string; readonly history?: string; readonly json?: boolean }): Promise<void> {
  if (genesisPath === undefined) throw new SteleError({ code: 'USAGE_GENESIS_MISSING', message: 'name the genesis file to judge by: --genesis FILE, from a source you trust' })
  const [{ checkSaid, readReceiptFile }, { readGenesis }, { formatReceiptReport, verifyReceipt }] = await Promise.all([import('../receipt-file.ts'), import('../genesis-file.ts'), import('../../client/verify-receipt.ts')])
  const genesis = readGenesis(genesisPath)
  const history = historyPath === undefined ? undefined : await readProof(historyPath)
  try {
    const receipt = await readReceiptFile(path)
    const report = verifyReceipt(receipt.bundle, history === undefined ? { genesis } : { genesis, history })
    checkSaid(receipt)
    if (report.superseded === true) process.exitCode = EXIT.verificationFailed
    if (json === true) return printJson({ valid: report.superseded !== true, ...report })
    print(`${good('✓')} leaf hash   ${good('✓')} Merkle path   ${good('✓')} block ${report.height}   ${good('✓')} ${report.attestedBy.length} of ${report.voters} attestations (${report.needed} needed)\n`)
    print(formatReceiptReport(report))
  } catch (error) {
    if (!(error instanceof SteleError) || error.code === 'INVARIANT_BROKEN' || error.code === 'RECEIPT_UNREADABLE') throw error
    if (json === true) printJson({ valid: false, error: { code: error.code, message: error.message, details: error.details } })
    else print(`${bad('✗')} the receipt proves nothing: ${explain(error)}\n→ ${error.code === 'CERTIFICATE_WRONG_MEMBER_SET' && history === undefined ? 'the members may have changed since genesis: give a later proof (stele proof) as --history' : 'fetch it again from another node (stele tx receipt ID --rpc URL); if that fails too, do not trust what it says'}`)
    process.exitCode = EXIT.verificationFailed
  }
}

async function readProof(path: string): Promise<Uint8Array> {
  const [{ readInput }, { PROOF_BUNDLE_LIMITS }] = await Promise.all([import('../input-file.ts'), import('../../primitives/proof-bundle.ts')])
  const input = await readInput(path, PROOF_BUNDLE_LIMITS.textBytesMax)
  if ('rule' in input) throw new SteleError({ code: 'BUNDLE_UNREADABLE', message: 'the proof file cannot be read', details: { path, rule: input.rule }, cause: input.cause })
  return input.bytes
}

async function verifyProofFile(path: string, { genesis, checkpoint, json }: { readonly genesis?: string; readonly checkpoint?: Uint8Array; readonly json?: boolean }): Promise<void> {
  if ((genesis === undefined) === (checkpoint === undefined)) throw new SteleError({ code: 'USAGE_CHOICE', message: 'name what to judge by, and one only: --genesis FILE from a source you trust, or --checkpoint HASH' })
  const [{ readGenesis }, { formatProofReport, verifyProof }] = await Promise.all([import('../genesis-file.ts'), import('../../client/verify-proof.ts')])
  const proof = await readProof(path)
  const trust = genesis === undefined ? { checkpoint: checkpoint! } : { genesis: readGenesis(genesis) }
  try {
    const report = verifyProof(proof, trust)
    const superseded = report.receipt?.superseded === true || report.state?.superseded === true
    if (superseded) process.exitCode = EXIT.verificationFailed
    if (json === true) return printJson({ valid: !superseded, ...report })
    print(`${formatProofReport(report, good('✓'))}\n${superseded ? `${bad('superseded')}: what the proof shows was final once, and a recovery of the chain gave it up` : `${good('valid')}: the proof shows what it says`}`)
  } catch (error) {
    if (!(error instanceof SteleError) || error.code === 'INVARIANT_BROKEN') throw error
    if (json === true) printJson({ valid: false, error: { code: error.code, message: error.message, details: error.details } })
    else print(`${bad('✗')} ${bad('refused')}: the proof shows nothing: ${explain(error)}\n→ fetch it again from another node (stele proof … --out FILE); if that fails too, do not trust what it says`)
    process.exitCode = EXIT.verificationFailed
  }
}
