import t from 'tap'
import { loadConfig, parseConfig } from '../../node/config.ts'
import { explain } from '../../node/output.ts'

const sound = ['version: 1', 'node: 1', 'genesis: genesis.json', 'dataDir: data', 'keystore: node.json']
/** What the command line would print of a refusal. */
function refusalOf(text: string): string {
  try {
    parseConfig(text, 'x')
  } catch (error) {
    return explain(error)
  }
  return 'accepted'
}

const parse = (...lines: string[]) => parseConfig(lines.join('\n'), '/etc/stele/config.yaml')

t.test('a short file is completed with defaults, frozen, with absolute paths', (t) => {
  const config = parse(...sound, 'rpc: {port: 80}')
  t.equal(config.genesis, '/etc/stele/genesis.json')
  t.equal(config.rpc.host, '127.0.0.1')
  t.equal(config.rpc.port, 80)
  t.equal(config.consensus.tickMs, 100)
  t.throws(() => { (config.rpc as { port: number }).port = 1 }, TypeError)
  t.end()
})

t.test('a mistake is named with its key, line and rule', (t) => {
  t.throws(() => parse(...sound, 'rpc:', '  prot: 5'), { code: 'CONFIG_INVALID', details: { key: 'rpc.prot', line: 7, rule: 'unknown key', didYouMean: 'port' } })
  t.throws(() => parse(...sound, 'rpc:', '  port: 99999'), { code: 'CONFIG_INVALID', details: { key: 'rpc.port', line: 7, rule: 'must be <= 65535' } })
  t.throws(() => parse(...sound, 'rpc: {port: "80"}'), { code: 'CONFIG_INVALID', details: { key: 'rpc.port', rule: 'must be integer' } })
  t.throws(() => parse(...sound.slice(1)), { code: 'CONFIG_INVALID' }, 'a missing key')
  t.throws(() => parse(...sound, 'node: 2'), { code: 'CONFIG_SYNTAX', details: { line: 6 } }, 'a key given twice')
  t.throws(() => parse(...sound, 'rpc: ['), { code: 'CONFIG_SYNTAX' })
  for (const text of ['hunter2: {hunter2', '\u0001hunter2 @: -', '- hunter2\nhunter2: x']) t.notMatch(refusalOf(text), /hunter2/, 'a file named by mistake is not quoted')
  t.match(refusalOf('\u0001hunter2 @: -'), /CONFIG_SYNTAX/)
  t.throws(() => parse(...sound.map((line) => line.replace('node: 1', 'node: "no"'))), { code: 'CONFIG_INVALID', details: { key: 'node' } })
  t.throws(() => loadConfig(`${t.testdir()}/absent.yaml`), { code: 'CONFIG_UNREADABLE', details: { reason: 'ENOENT' } })
  t.end()
})
