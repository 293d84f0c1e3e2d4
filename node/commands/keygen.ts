import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { SteleError } from '../../primitives/error.ts'
import { print, printJson } from '../output.ts'

interface Options { readonly member: string; readonly number: number; readonly node?: number; readonly out: string; readonly address: readonly string[]; readonly passphraseFile?: string; readonly rpcPort: number; readonly join?: boolean; readonly json?: boolean }

const ADDRESS = /^\/(?:ip4\/[0-9.]+|ip6\/[0-9a-f:]+|dns[46]?\/[a-z0-9.-]+)\/tcp\/([0-9]{1,5})$/i

const JOIN_STEPS = 'next    a member of the chain proposes it, the others vote: stele member propose add --card member.json --config custodian.yaml --governance governance.json\n        and writes the file of peers: stele member peers --out peers.json'

function whole(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > 65_000) throw new InvalidArgumentError('an integer from 1')
  return number
}

function name(value: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(value)) throw new InvalidArgumentError('lower-case letters, digits and hyphens, 64 at most')
  return value
}

export function register(program: Command): void {
  program.command('keygen')
    .description('make the keys of one institution and its node, and the public file it hands to the others')
    .requiredOption('--member <name>', 'name of the institution in genesis: lower-case letters, digits, hyphens', name)
    .requiredOption('--number <n>', 'its place among the members, 1, 2, …, agreed with the others beforehand', whole)
    .requiredOption('--out <dir>', 'folder for the keys and configuration; made when absent')
    .option('--address <multiaddr>', 'where the other nodes dial this one; may be given more than once', (value: string, before: readonly string[]) => [...before, value], [])
    .option('--node <id>', 'id of its node, never reused (default: the member\'s number)', whole)
    .option('--rpc-port <n>', 'RPC port of the node\'s configuration; health gets the next one', whole, 8545)
    .option('--join', 'for a chain that runs already: the node connects by peers.json, which `stele member peers` writes')
    .option('--passphrase-file <file>', 'file whose first line encrypts the keys; else STELE_PASSPHRASE, else a prompt')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', `
Examples:
  stele keygen --member city-hospital --number 1 --address /ip4/203.0.113.5/tcp/9000 --out city-hospital
  stele keygen --member lake-clinic --number 2 --address /dns4/stele.lake-clinic.example/tcp/9000 --out keys --passphrase-file pass.txt

Writes governance.json (keep it offline), operator.json, node.json, all encrypted; member.json (public: hand it to whoever runs
\`stele init\`); config.yaml and custodian.yaml. Each member runs this on its own machine; nobody ever sees another's keys.`)
    .action(run)
}

async function run({ member: memberName, number, node = number, out, address: addresses, passphraseFile, rpcPort, join: joins, json }: Options): Promise<void> {
  const ports = addresses.map((address) => ADDRESS.exec(address)?.[1])
  if (addresses.length === 0 || ports.includes(undefined)) {
    throw new SteleError({ code: 'USAGE_ADDRESS', message: 'give at least one --address at which the other nodes reach this one, such as /ip4/203.0.113.5/tcp/9000', details: { addresses } })
  }
  const folder = resolve(out)
  const written = ['governance.json', 'operator.json', 'node.json', 'member.json', 'config.yaml', 'custodian.yaml'].map((file) => join(folder, file))
  const taken = written.find((path) => existsSync(path))
  if (taken !== undefined) throw new SteleError({ code: 'OUTPUT_EXISTS', message: 'keys are never overwritten; choose another --out, or move the old files away', details: { path: taken } })
  const [{ createMemberKeys, makePrivateFolder, writeMemberConfigs }, { writeMemberFile }, { readNewPassphrase }] = await Promise.all([import('../member-keys.ts'), import('../member-file.ts'), import('../new-passphrase.ts')])
  const passphrase = await readNewPassphrase(passphraseFile)
  makePrivateFolder(folder)
  const member = await createMemberKeys({ folder, member: number, node, name: memberName, addresses, passphrase })
  writeMemberFile(join(folder, 'member.json'), member)
  writeMemberConfigs({
    folder, member: number, node, genesis: 'genesis.json', ...(passphraseFile === undefined ? {} : { passphraseFile: resolve(passphraseFile) }),
    listen: addresses.map((address, i) => (address.startsWith('/ip4/127.') ? address : `/${address.startsWith('/ip6/') ? 'ip6/::' : 'ip4/0.0.0.0'}/tcp/${ports[i]!}`)),
    rpc: { host: '127.0.0.1', port: rpcPort }, admin: { host: '127.0.0.1', port: rpcPort + 1 }, ...(joins === true && { peers: 'peers.json' }),
  })
  if (json === true) return printJson({ member: number, node, name: memberName, folder, memberFile: join(folder, 'member.json'), config: join(folder, 'config.yaml') })
  print(`keys of ${memberName} (member ${number}, node ${node}) are in ${folder}

  member.json       public: hand it to ${joins === true ? 'a member of the chain, which proposes it' : 'whoever composes genesis'}
  governance.json   certifies this member's keys; move it offline, with its passphrase elsewhere
  operator.json     signs the institution's own transactions
  node.json         of the node: transport and attestation

${joins === true ? JOIN_STEPS : 'next    stele init --network NAME --member */member.json --out genesis.json     (one member, once all files are there)'}
then    put genesis.json${joins === true ? ' and peers.json' : ''} into ${folder}, compare its chain id with the others, and: stele start --config ${join(folder, 'config.yaml')}`)
}
