import type { Command } from 'commander'
import { print, printJson } from '../output.ts'

export function register(program: Command): void {
  program.command('custodian')
    .description('hold an institution\'s data keys and release them on final permits; runs in the foreground beside the node')
    .requiredOption('--config <file>', 'configuration file of the custodian')
    .option('--json', 'print one line of JSON once it is ready')
    .addHelpText('after', `
Examples:
  stele custodian --config hospital-a/custodian.yaml

The file names member, genesis, rpc (the institution's own node), operator (keystore), dataDir and, if need be, passphraseFile.
Stopped, nobody can read what this institution alone keeps: no custodian, no key.`)
    .action(async ({ config: path, json }: { config: string; json?: boolean }) => {
      const [{ loadCustodianConfig }, { createLogger }, { readGenesis }, { readKeys }, { readPassphrase }, { Custodian }, { openMasterKey }, { createFatal, stopOnSignal }] = await Promise.all([
        import('../custodian-config.ts'), import('../logger.ts'), import('../genesis-file.ts'), import('../keys.ts'), import('../passphrase.ts'), import('../custodian.ts'), import('../custodian-keys.ts'), import('../lifecycle.ts'),
      ])
      const config = loadCustodianConfig(path)
      const logger = createLogger(config.log.level, { custodian: config.member })
      const genesis = readGenesis(config.genesis)
      const passphrase = await readPassphrase({ ...(config.passphraseFile === undefined ? {} : { file: config.passphraseFile }), environment: process.env, terminal: { input: process.stdin, output: process.stderr } })
      const operator = await readKeys(config.operator, 'operator', passphrase)
      const masterKey = await openMasterKey(config.keystore, passphrase)
      const fatal = createFatal(logger)
      process.on('unhandledRejection', fatal)
      process.on('uncaughtException', fatal)
      const custodian = new Custodian({ config, genesis, operator, masterKey }, { logger })
      const { socket } = await custodian.start()
      stopOnSignal(custodian, logger)
      if (json === true) printJson({ member: config.member, socket, rpc: config.rpc, pid: process.pid })
      else print(`custodian of member ${config.member} follows ${config.rpc}, takes keys at ${socket}`)
    })
}
