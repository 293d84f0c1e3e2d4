import type { Command } from 'commander'
import { printJson, print } from '../output.ts'

export function register(program: Command): void {
  program.command('start')
    .description('run a node in the foreground; logs are JSON on stderr')
    .requiredOption('--config <file>', 'configuration file')
    .option('--json', 'print one line of JSON once the node serves')
    .addHelpText('after', `
Examples:
  stele start --config hospital-a/config.yaml
  STELE_PASSPHRASE=… stele start --config node.yaml     (or passphraseFile in the configuration, or a prompt)`)
    .action(async ({ config: path, json }: { config: string; json?: boolean }) => {
      const [{ loadConfig }, { createLogger }, { readGenesis }, { readKeys }, { readPassphrase }, { NodeProcess }, { createFatal, stopOnSignal }, { settleAfterStart }] = await Promise.all([
        import('../config.ts'), import('../logger.ts'), import('../genesis-file.ts'), import('../keys.ts'), import('../passphrase.ts'), import('../node-process.ts'), import('../lifecycle.ts'), import('../settle.ts'),
      ])
      const config = loadConfig(path)
      const logger = createLogger(config.log.level, { self: config.node })
      const genesis = readGenesis(config.genesis)
      const passphrase = await readPassphrase({ ...(config.passphraseFile === undefined ? {} : { file: config.passphraseFile }), environment: process.env, terminal: { input: process.stdin, output: process.stderr } })
      const keys = await readKeys(config.keystore, 'node', passphrase)
      const fatal = createFatal(logger)
      process.on('unhandledRejection', fatal)
      process.on('uncaughtException', fatal)
      const node = new NodeProcess({ config, genesis, keys }, logger, fatal)
      stopOnSignal(node, logger)
      const { rpc, metrics } = await node.start()
      settleAfterStart()
      if (node.heldFor !== undefined) {
        if (json === true) printJson({ node: config.node, rpc, metrics, held: node.heldFor, pid: process.pid })
        else print(`node ${config.node} serves nothing: ${node.heldFor}\nsee      stele hold show --config ${path}`)
        return
      }
      if (json === true) printJson({ node: config.node, rpc, metrics, p2p: node.node.parts.network.host.addresses(), pid: process.pid })
      else print(`node ${config.node} serves ${rpc}, health ${metrics}, peers ${node.node.parts.network.host.addresses().join(' ')}`)
    })
}
