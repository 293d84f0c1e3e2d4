import { Command, CommanderError } from 'commander'
import { errorCode, SteleError } from '../primitives/error.ts'
import { EXIT, explain, printJson, say } from './output.ts'
import { STELE_VERSION } from './version.ts'

/** Every command registers itself here; heavy modules are loaded when a command runs, so that `--help` and `--version` stay quick. */
const COMMANDS = ['start', 'dev', 'custodian', 'verify', 'snapshot', 'archive', 'keygen', 'init', 'status', 'member', 'recovery', 'hold', 'tx', 'wallet', 'identity', 'consent', 'record', 'access', 'audit', 'deidentify', 'anonymize', 'dataset', 'proof'] as const

type CommandModule = { readonly register: (program: Command) => void }

/** Runs the command line; returns the exit code. 0 ok, 1 failure, 2 usage, 3 not ready or no quorum, 4 verification failed. */
export async function runCli(argv: readonly string[]): Promise<number> {
  // Whoever reads the output may stop early (`stele … | head -1`); that ends the command quietly.
  process.stdout.on('error', (error: unknown) => {
    if (errorCode(error) !== 'EPIPE') throw error
    process.exit(EXIT.ok)
  })
  const program = new Command('stele')
  program
    .description('Permissioned ledger node for sharing medical data between institutions')
    .version(STELE_VERSION)
    .exitOverride()
    // Else `--version` of a command would print the program's own.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .addHelpText('after', `
Examples:
  stele dev --nodes 4                     four local nodes in one command; Ctrl-C stops all
  stele status --cluster                  leader, term, height and lag of every node
  stele verify --data DIR                 re-hash a data folder from genesis
  stele anonymize table.csv --k 10 --qi age,zip --out release.csv
  stele verify receipt receipt.json --genesis genesis.json
  stele verify proof proof.json --genesis genesis.json

Exit codes: 0 ok, 1 failure, 2 usage, 3 not ready or no quorum, 4 verification failed`)
  // One command needs one module; help and suggestions need them all.
  const [, , first] = argv
  for (const name of COMMANDS.some((known) => known === first) ? [first] : COMMANDS) {
    const { register } = (await import(`./commands/${name}.ts`)) as CommandModule
    register(program)
  }
  try {
    refuseEmpty(argv.slice(2))
    await program.parseAsync(argv)
    return Number(process.exitCode ?? EXIT.ok)
  } catch (error) {
    return await report(error, argv.includes('--json'))
  }
}

/** A variable of a script that holds nothing would otherwise mean the present folder, or zero. */
function refuseEmpty(args: readonly string[]): void {
  const at = args.findIndex((argument) => argument === '' || /^--[a-z-]+=$/.test(argument))
  if (at >= 0) throw new SteleError({ code: 'USAGE_EMPTY', message: 'an argument is empty', details: { place: at + 1, after: args[at] === '' ? args[at - 1] : args[at] } })
}

async function report(thrown: unknown, json: boolean): Promise<number> {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage
  const error = fromSystem(thrown)
  if (json && error instanceof SteleError) printJson({ error: { code: error.code, message: error.message, details: error.details, retryable: error.retryable } })
  else {
    const { nextStep } = await import('./next-step.ts')
    const text = explain(error)
    const next = error instanceof SteleError ? nextStep(error.code, error.details) : undefined
    say(`stele: ${text}${next === undefined || text.includes(next) ? '' : `\n→ ${next}`}`)
  }
  return exitCodeOf(error)
}

/** What the operating system refused and no command foresaw, as an error of ours that names call, path and reason. */
function fromSystem(error: unknown): unknown {
  if (error instanceof SteleError || !(error instanceof Error) || !('syscall' in error)) return error
  const { syscall, path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string }
  return new SteleError({ code: 'SYSTEM_REFUSED', message: 'the operating system refused', details: { reason: errorCode(error), call: syscall, path, to: dest }, cause: error })
}

function exitCodeOf(error: unknown): number {
  const code = error instanceof SteleError ? error.code : ''
  if (code.startsWith('USAGE_')) return EXIT.usage
  if (code === 'NO_LEADER' || code === 'CLIENT_UNREACHABLE' || code === 'CLIENT_TIMED_OUT') return EXIT.notReady
  if (code.startsWith('PROOF_') || code.startsWith('CERTIFICATE_') || code === 'VERIFY_DAMAGED') return EXIT.verificationFailed
  return EXIT.failure
}
