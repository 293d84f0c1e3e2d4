import type { Command } from 'commander'
import { SteleError } from '../../primitives/error.ts'
import { nextStep } from '../next-step.ts'
import { EXIT, bad, explain, good, print, printJson } from '../output.ts'
import { heightOf } from './snapshot.ts'

interface ExportFlags { readonly data: string; readonly genesis?: string; readonly from?: number; readonly to?: number; readonly json?: boolean }
interface VerifyFlags { readonly genesis?: string; readonly json?: boolean }
interface ImportFlags { readonly data: string; readonly genesis?: string; readonly json?: boolean }

export function register(program: Command): void {
  const archive = program.command('archive').description('blocks and receipts in one file that proves itself: export before pruning, verify anywhere, import where they are asked for').addHelpText('after', `
Examples:
  stele archive export 2026.archive --data hospital-a
  stele archive verify 2026.archive --genesis genesis.json
  stele archive import 2026.archive --data clinic-b`)
  archive.command('export')
    .description('write final blocks of a stopped node, or of a copy of its folder, into a file')
    .argument('<file>', 'where to; an interrupted export goes on from FILE.partial')
    .requiredOption('--data <dir>', 'a node\'s data folder, or the folder with its config.yaml')
    .option('--from <height>', 'first block (default: the first one kept)', heightOf)
    .option('--to <height>', 'last block (default: the newest final one)', heightOf)
    .option('--genesis <file>', 'genesis file (default: the one its configuration names)')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', `
Examples:
  stele archive export 2026.archive --data hospital-a
  stele archive export first.archive --data hospital-a/data --from 1 --to 100000`)
    .action(runExport)
  archive.command('verify')
    .description('check an archive with no node and no network')
    .argument('<file>')
    .option('--genesis <file>', 'genesis file, from a source you trust')
    .option('--json', 'print the report as one line of JSON')
    .addHelpText('after', `
Examples:
  stele archive verify 2026.archive --genesis genesis.json

Checks every block's transactions and receipts against its header, every header against the one before, and the last by a certificate, through every change of members since genesis.
Exit 0 when it holds, 4 when not.`)
    .action(runVerify)
  archive.command('import')
    .description('verify an archive and put it where a node serves it from: blocks that it no longer keeps itself')
    .argument('<file>')
    .requiredOption('--data <dir>', 'a node\'s data folder, or the folder with its config.yaml; the node serves the archive from its next start on')
    .option('--genesis <file>', 'genesis file (default: the one its configuration names)')
    .option('--json', 'print the report as one line of JSON')
    .addHelpText('after', `
Examples:
  stele archive import 2026.archive --data hospital-a`)
    .action(runImport)
}

function progressOf(json: boolean | undefined): { readonly show: (height: number, to: number) => void; readonly clear: () => void } {
  const wanted = process.stderr.isTTY && json !== true
  let toldMs = -Infinity
  return {
    show: (height, to) => {
      if (!wanted || performance.now() - toldMs < 100) return
      toldMs = performance.now()
      process.stderr.write(`\r\u001b[Kblock ${height} of ${to}`)
    },
    clear: () => { if (wanted) process.stderr.write('\r\u001b[K') },
  }
}

async function runExport(path: string, { data, genesis, from, to, json }: ExportFlags): Promise<void> {
  const [{ findPlace }, { readGenesis, headerRules }, { exportOffline }, { mustBeWritable }] = await Promise.all([import('../verify-place.ts'), import('../genesis-file.ts'), import('../archive-offline.ts'), import('../files.ts')])
  mustBeWritable(path)
  const place = findPlace(data, genesis)
  const progress = progressOf(json)
  const { from: first, to: last, bytes, resumedAt } = await exportOffline({ dataDir: place.dataDir, rules: headerRules(readGenesis(place.genesis)), path, from, to, onProgress: progress.show })
  progress.clear()
  if (json === true) return printJson({ path, from: first, to: last, bytes, resumedAt })
  print(`${good('✓')} blocks ${first} to ${last}, ${(bytes / 1024 / 1024).toFixed(1)} MiB, in ${path}${resumedAt > first ? ` (gone on at block ${resumedAt})` : ''}`)
}

async function runVerify(path: string, { genesis, json }: VerifyFlags): Promise<void> {
  if (genesis === undefined) throw new SteleError({ code: 'USAGE_GENESIS_MISSING', message: 'name the genesis file to judge by: --genesis FILE, from a source you trust' })
  const [{ readGenesis, headerRules }, { verifyArchive }] = await Promise.all([import('../genesis-file.ts'), import('../archive-verify.ts')])
  const rules = headerRules(readGenesis(genesis))
  const progress = progressOf(json)
  try {
    const report = await verifyArchive(path, { chain: rules.chain, trusted: rules.periods[0]! }, { onProgress: progress.show })
    progress.clear()
    if (json === true) return printJson({ valid: true, ...report })
    print(`${good('✓')} blocks ${report.from} to ${report.to}, ${report.transactions} transactions, all final: certified by nodes ${report.certifiedBy.join(', ')}`)
  } catch (error) {
    progress.clear()
    if (!(error instanceof SteleError) || error.code === 'INVARIANT_BROKEN' || error.code === 'ARCHIVE_UNREADABLE') throw error
    if (json === true) printJson({ valid: false, error: { code: error.code, message: error.message, details: error.details } })
    else print(`${bad('✗')} the archive proves nothing: ${explain(error)}\n→ ${nextStep(error.code) ?? 'export it again from a member'}`)
    process.exitCode = EXIT.verificationFailed
  }
}

async function runImport(path: string, { data, genesis, json }: ImportFlags): Promise<void> {
  const [{ findPlace }, { readGenesis, headerRules }, { importArchive }] = await Promise.all([import('../verify-place.ts'), import('../genesis-file.ts'), import('../archive-shelf.ts')])
  const place = findPlace(data, genesis)
  const rules = headerRules(readGenesis(place.genesis))
  const progress = progressOf(json)
  const report = await importArchive(path, place.dataDir, { chain: rules.chain, trusted: rules.periods[0]! }, { onProgress: progress.show })
  progress.clear()
  if (json === true) return printJson(report)
  print(`${good('✓')} blocks ${report.from} to ${report.to} stand in ${report.path}; the node serves them from its next start on`)
}
