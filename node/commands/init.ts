import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { certificateQuorum, commitQuorum } from '../../primitives/member-set.ts'
import { print, printJson, table } from '../output.ts'

interface Options { readonly network: string; readonly member: readonly string[]; readonly members?: number; readonly out: string; readonly host: string; readonly portBase: number; readonly json?: boolean }

function count(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > 16) throw new InvalidArgumentError('an integer from 1 to 16')
  return number
}

function port(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1024 || number > 65_000) throw new InvalidArgumentError('a port from 1024 to 65000')
  return number
}

function name(value: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(value)) throw new InvalidArgumentError('lower-case letters, digits and hyphens, 64 at most')
  return value
}

export function register(program: Command): void {
  program.command('init')
    .description('compose the genesis of a new network from its members\' public files; or make a trial network in one place')
    .option('--network <name>', 'name of the network', name, 'stele')
    .option('--member <files...>', 'member.json of every member, as stele keygen wrote them')
    .option('--members <n>', 'instead: a trial network of n members, all keys in one folder', count)
    .requiredOption('--out <path>', 'genesis file to write; with --members, the folder')
    .option('--host <ip>', 'with --members: address of all nodes', '127.0.0.1')
    .option('--port-base <n>', 'with --members: node i uses n + 10 i (RPC), + 1 (health), + 2 (peers)', port, 8500)
    .option('--json', 'print one line of JSON')
    .addHelpText('after', `
Examples:
  stele init --network region-north --member city-hospital/member.json lake-clinic/member.json north-lab/member.json --out genesis.json
  stele init --members 4 --out trial

The chain id is the hash of the genesis file: every member compares it with the others (by telephone, say) before it starts its node.`)
    .action(({ member = [], ...options }: Partial<Options> & Omit<Options, 'member'>) => run({ ...options, member }))
}

async function run(options: Options): Promise<void> {
  if ((options.member.length === 0) === (options.members === undefined)) {
    throw new SteleError({ code: 'USAGE_CHOICE', message: 'give either --member FILE…, the public files of all members, or --members N for a trial network' })
  }
  if (existsSync(options.out)) throw new SteleError({ code: 'OUTPUT_EXISTS', message: 'nothing is overwritten; choose another --out', details: { path: resolve(options.out) } })
  return options.members === undefined ? compose(options) : trial(options, options.members)
}

async function compose({ network, member: files, out, json }: Options): Promise<void> {
  const [{ composeGenesis, readMemberFile }, { writeGenesis }] = await Promise.all([import('../member-file.ts'), import('../genesis-file.ts')])
  const { genesis, chain } = composeGenesis(network, 'production', Date.now(), files.map(readMemberFile))
  writeGenesis(out, genesis)
  const voters = genesis.members.length
  if (json === true) return printJson({ genesis: resolve(out), chain: toHex(chain), network, members: genesis.members.map(({ member, name: own, nodes }) => ({ member, name: own, nodes: nodes.map(({ node }) => node) })) })
  print(table([['MEMBER', 'NAME', 'NODE', 'ADDRESSES'], ...genesis.members.flatMap(({ member, name: own, nodes }) => nodes.map(({ node, addresses }) => [String(member), own, String(node), addresses.join(' ')]))]))
  print(`
chain id   ${toHex(chain)}
genesis    ${resolve(out)}
quorum     writes need ${commitQuorum(voters)} of ${voters} nodes, finality ${certificateQuorum(voters)} of ${voters}

next    send genesis.json to every member; each compares the chain id with the others, puts the file beside its config.yaml, and runs
        stele start --config config.yaml`)
}

async function trial({ network, out, host, portBase, json }: Options, members: number): Promise<void> {
  const [{ createNetwork }, { MEMBER_NAMES }] = await Promise.all([import('../network.ts'), import('../dev-network.ts')])
  const made = await createNetwork({
    network, kind: 'development', directory: resolve(out), timeMs: Date.now(),
    members: Array.from({ length: members }, (_, i) => ({ name: MEMBER_NAMES[i] ?? `member-${i + 1}`, node: { host, rpc: portBase + 10 * i, admin: portBase + 10 * i + 1, p2p: portBase + 10 * i + 2 } })),
  })
  if (json === true) return printJson({ genesis: made.genesisPath, chain: toHex(made.chain), network, members: made.members.map(({ member, name: own, config, custodian }) => ({ member, name: own, config, custodian })) })
  print(table([['NODE', 'NAME', 'RPC', 'CONFIG'], ...made.members.map(({ member, name: own, config, node }) => [String(member), own, `http://${node.host}:${node.rpc}`, config])]))
  print(`
chain id   ${toHex(made.chain)}
keys       all in ${resolve(out)}, each folder with its passphrase: for trials only

next    stele start --config ${made.members[0]!.config}     (one terminal per node, or: stele dev --data ${resolve(out)})`)
}
