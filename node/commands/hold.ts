import type { Command } from 'commander'
import { EXIT, print, printJson } from '../output.ts'

interface Options { readonly config: string; readonly json?: boolean }

export function register(program: Command): void {
  const hold = program.command('hold').description('a node that came to another result than the cluster serves nothing, over restarts too: see why, and let it try again')
    .addHelpText('after', `
Examples:
  stele hold show --config node.yaml
  stele hold release --config node.yaml      after the cause is mended: another program version, other memory`)
  const common = (command: Command): Command => command.requiredOption('--config <file>', 'configuration of the node').option('--json', 'print one line of JSON')
  common(hold.command('show').description('the first block, transaction and key in which the node differs'))
    .addHelpText('after', '\nExamples:\n  stele hold show --config node.yaml --json\n\nExit 0 when there is none, 3 when the node is held.')
    .action(show)
  common(hold.command('release').description('let the next start execute again what the node refused; it is held again if it still differs'))
    .addHelpText('after', '\nExamples:\n  stele hold release --config node.yaml && stele start --config node.yaml\n\nRefused for a node that has committed what the cluster did not (HOLD_FORKED): replace it under a new id.')
    .action(release)
}

async function dataDirOf(path: string): Promise<string> {
  const { loadConfig } = await import('../config.ts')
  return loadConfig(path).dataDir
}

async function show({ config, json }: Options): Promise<void> {
  const { readHold } = await import('../hold.ts')
  const hold = readHold(await dataDirOf(config))
  if (hold !== undefined) process.exitCode = EXIT.notReady
  if (json === true) return printJson(hold ?? { code: null })
  print(hold === undefined ? 'the node is not held' : `held since ${new Date(hold.sinceMs).toISOString()}\n${hold.reason}`)
}

async function release({ config, json }: Options): Promise<void> {
  const { releaseHold } = await import('../hold.ts')
  const hold = releaseHold(await dataDirOf(config))
  if (json === true) printJson({ released: hold })
  else print(`released; start the node again: it executes block ${hold.height} anew, and is held again if it still differs`)
}
