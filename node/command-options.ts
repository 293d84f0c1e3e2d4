import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { maybeFromHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { chainFromGenesis, fetchChain } from '../client/chain.ts'
import type { Chain } from '../client/chain.ts'
import { createClient } from '../client/create-client.ts'
import type { Client } from '../client/create-client.ts'
import { fallback } from '../client/transports/fallback.ts'
import { http } from '../client/transports/http.ts'
import type { Wallet } from '../client/wallet.ts'
import { loadCustodianConfig } from './custodian-config.ts'
import { readGenesis } from './genesis-file.ts'
import { openInstitution } from './institution.ts'
import type { Institution } from './institution.ts'
import { say } from './output.ts'
import { readPassphrase } from './passphrase.ts'
import { openWallet, saveWallet } from './wallet-store.ts'

export const DEFAULT_RPC = 'http://127.0.0.1:8545'

/** Options of every command that talks to nodes. */
export interface NodeOptions { readonly rpc: readonly string[]; readonly genesis?: string; readonly json?: boolean }
/** Options of a command that a person gives. */
export interface PersonOptions extends NodeOptions { readonly wallet: string; readonly passphraseFile?: string; readonly relation: number }

export function nodeOptions(command: Command): Command {
  return command
    .option('--rpc <url...>', 'nodes to ask, in this order', [DEFAULT_RPC])
    .option('--genesis <file>', 'genesis file to trust; without it the node\'s own is taken on first use')
    .option('--json', 'print JSON')
}

export function personOptions(command: Command): Command {
  return nodeOptions(command)
    .requiredOption('--wallet <file>', 'encrypted wallet file')
    .option('--passphrase-file <file>', 'file that opens the wallet; else STELE_PASSPHRASE, else a prompt')
    .addOption(new Option('--relation <n>', 'which relation of the wallet').argParser(integer(0, 1023)).default(0))
}

export function institutionOptions(command: Command): Command {
  return command
    .requiredOption('--config <file>', 'configuration file of the institution\'s custodian')
    .option('--rpc <url...>', 'further nodes, asked when the institution\'s own is down', [])
    .option('--json', 'print JSON')
}

export function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (!Number.isInteger(number) || number < min || number > max) throw new InvalidArgumentError(`an integer from ${min} to ${max}`)
    return number
  }
}

/** Bytes as lower-case hex, of exactly that length. */
export function hexBytes(length: number): (value: string) => Uint8Array {
  return (value) => {
    const bytes = maybeFromHex(value)
    if (bytes?.length !== length) throw new InvalidArgumentError(`${length} bytes in lower-case hex`)
    return bytes
  }
}

/** Collects a repeatable option. */
export const collect = <T>(parse: (value: string) => T) => (value: string, before: readonly T[] = []): T[] => [...before, parse(value)]

/** A client that signs nothing. Says it when the chain is taken from the node instead of from a file. */
export async function openNodes({ rpc, genesis }: NodeOptions): Promise<Client> {
  const transport = fallback(rpc.map((url) => http(url)))
  const chain: Chain = genesis === undefined ? await fetchChain(transport) : chainFromGenesis(readGenesis(genesis))
  if (genesis === undefined) say('note: the chain is taken on trust from the node; --genesis pins it')
  return createClient({ transport, chain })
}

export async function passphraseOf(file: string | undefined): Promise<string> {
  return readPassphrase({ ...(file === undefined ? {} : { file }), environment: process.env, terminal: { input: process.stdin, output: process.stderr } })
}

export interface Person {
  readonly client: Client
  readonly wallet: Wallet
  readonly relation: number
  /** Writes the wallet with what it has learnt. */
  save(): Promise<void>
}

/** Opens a wallet for the chain of the nodes; the client signs as the account of the relation. Throws KEYSTORE_*, CLIENT_*. */
export async function openPerson(options: PersonOptions): Promise<Person> {
  const nodes = await openNodes(options)
  const passphrase = await passphraseOf(options.passphraseFile)
  const wallet = await openWallet(options.wallet, passphrase)
  if (Buffer.compare(wallet.chain, nodes.chain.id) !== 0) throw new SteleError({ code: 'CLIENT_CHAIN_MISMATCH', message: 'the wallet belongs to another chain', details: { wallet: options.wallet } })
  const { transport, chain } = nodes
  return {
    client: createClient({ transport, chain, account: wallet.account(options.relation) }), wallet, relation: options.relation,
    save: () => saveWallet(options.wallet, wallet, passphrase, { replace: true }),
  }
}

/** Opens an institution's side: operator keys and the door to its custodian. */
export async function openDesk({ config: path, rpc }: { readonly config: string; readonly rpc: readonly string[] }): Promise<Institution> {
  const config = loadCustodianConfig(path)
  return openInstitution(config, await passphraseOf(config.passphraseFile), rpc)
}
