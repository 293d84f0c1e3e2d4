import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { SteleError } from '../../primitives/error.ts'
import { toHex } from '../../primitives/bytes.ts'
import { nextStep } from '../next-step.ts'
import { EXIT, bad, explain, good, print, printJson, table } from '../output.ts'

/** The snapshot itself may be sound: nobody should delete it. */
const NO_DAMAGE: ReadonlySet<string> = new Set(['SNAPSHOT_WRONG_CHAIN', 'SNAPSHOT_VERSION_UNSUPPORTED', 'SNAPSHOT_NOT_CERTIFIED'])

interface Options { readonly data: string; readonly genesis?: string; readonly json?: boolean }

export function heightOf(value: string): number {
  const height = Number(value)
  if (!Number.isSafeInteger(height) || height < 1) throw new InvalidArgumentError('a block height, from 1')
  return height
}

export function register(program: Command): void {
  const snapshot = program.command('snapshot')
    .description('the snapshots that a node keeps and serves: list them, verify them, make one').addHelpText('after', `
Examples:
  stele snapshot list --data hospital-a
  stele snapshot verify --data hospital-a
  stele snapshot create --data hospital-a            of a stopped node`)
  withPlace(snapshot.command('list').description('heights, sizes and whether a certificate proves them'))
    .addHelpText('after', `
Examples:
  stele snapshot list --data hospital-a
  stele snapshot list --data hospital-a/data --json`)
    .action(list)
  withPlace(snapshot.command('verify').description('read every file back and prove it, from genesis on; with no node and no network').argument('[height]', 'one snapshot; all of them unless told', heightOf))
    .addHelpText('after', `
Examples:
  stele snapshot verify --data hospital-a
  stele snapshot verify 120000 --data hospital-a/data --genesis genesis.json

Checks every part's digest and proof, the whole state root, the block with its receipts, and the certificate through every change of members since genesis.
Exit 0 when all hold, 4 when one does not.`)
    .action(verify)
  withPlace(snapshot.command('create').description('make a snapshot of the newest final block of a stopped node'))
    .addHelpText('after', `
Examples:
  stele snapshot create --data hospital-a

A running node makes snapshots by itself, at the heights the chain says, and only those are interchangeable between members. One made here is for keeping:
the folder below snapshots/ is complete in itself. Needs the state to stand at a block that a certificate covers.`)
    .action(create)
}

function withPlace(command: Command): Command {
  return command
    .requiredOption('--data <dir>', 'a node\'s data folder, or the folder with its config.yaml')
    .option('--genesis <file>', 'genesis file, from a source you trust (default: the one its configuration names)')
    .option('--json', 'print one line of JSON')
}

async function open({ data, genesis: genesisOption }: Options) {
  const [{ findPlace }, { readGenesis, headerRules }, { SnapshotFolder }, { snapshotsFolder }] = await Promise.all([
    import('../verify-place.ts'), import('../genesis-file.ts'), import('../../state/snapshot-folder.ts'), import('../join-swap.ts'),
  ])
  const { dataDir, genesis: path } = findPlace(data, genesisOption)
  const genesis = readGenesis(path)
  const rules = headerRules(genesis)
  return { dataDir, genesis, rules, trust: { chain: rules.chain, trusted: rules.periods[0]! }, folder: new SnapshotFolder(snapshotsFolder(dataDir), rules.chain) }
}

async function list(options: Options): Promise<void> {
  const { folder, dataDir } = await open(options)
  const found = []
  for (const height of await folder.heights()) {
    const { id, manifest: { chunks, index } } = await folder.manifest(height)
    found.push({ height, index: Number(index), id: toHex(id), parts: chunks.length, bytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0), certified: await folder.proof(height) !== undefined, path: folder.of(height) })
  }
  if (options.json === true) return printJson({ snapshots: found })
  if (found.length === 0) return print(`no snapshot in ${join(dataDir, 'snapshots')} yet`)
  print(table([['HEIGHT', 'PARTS', 'MIB', 'CERTIFIED', 'ID'], ...found.map(({ height, parts, bytes, certified, id }) => [String(height), String(parts), (bytes / 1024 / 1024).toFixed(1), certified ? 'yes' : 'not yet', `${id.slice(0, 16)}…`])]))
}

async function verify(wanted: number | undefined, options: Options): Promise<void> {
  const [{ folder, trust }, { verifySnapshot }] = await Promise.all([open(options), import('../snapshot-verify.ts')])
  const heights = wanted === undefined ? await folder.heights() : [wanted]
  const known = wanted === undefined ? heights : await folder.heights()
  if (wanted !== undefined && !known.includes(wanted)) throw new SteleError({ code: 'SNAPSHOT_NOT_FOUND', message: 'there is no snapshot of this height in this folder', details: { height: wanted, path: folder.path, there: known } })
  if (heights.length === 0) throw new SteleError({ code: 'SNAPSHOT_NOT_FOUND', message: 'there is no snapshot in this folder', details: { path: folder.path } })
  const results: unknown[] = []
  const progress = process.stderr.isTTY && options.json !== true
  for (const height of heights) {
    try {
      const report = await verifySnapshot(folder, height, trust, { share: 1, onProgress: (done, of) => { if (progress) process.stderr.write(`\r\u001b[Ksnapshot ${height}: part ${done} of ${of}`) } })
      if (progress) process.stderr.write('\r\u001b[K')
      results.push({ valid: true, ...report, id: toHex(report.id) })
      if (options.json !== true) print(`${good('✓')} snapshot ${height}: ${report.parts} parts, ${report.leaves} values, certified by nodes ${report.certifiedBy.join(', ')}`)
    } catch (error) {
      if (progress) process.stderr.write('\r\u001b[K')
      if (!(error instanceof SteleError) || error.code === 'INVARIANT_BROKEN') throw error
      results.push({ valid: false, height, error: { code: error.code, message: error.message, details: error.details } })
      if (options.json !== true) print(`${bad('✗')} snapshot ${height}: ${explain(error)}\n→ ${NO_DAMAGE.has(error.code) ? nextStep(error.code) : `delete ${folder.of(height)}; the node makes a new one, or takes one from the other members`}`)
      process.exitCode = EXIT.verificationFailed
    }
  }
  if (options.json === true) printJson({ snapshots: results })
}

async function create(options: Options): Promise<void> {
  const [place, { createOffline }] = await Promise.all([open(options), import('../snapshot-offline.ts')])
  const height = await createOffline(place)
  const { id, manifest } = await place.folder.manifest(height)
  if (options.json === true) return printJson({ height, id: toHex(id), parts: manifest.chunks.length, path: place.folder.of(height) })
  print(`${good('✓')} snapshot of height ${height} in ${place.folder.of(height)}`)
}
