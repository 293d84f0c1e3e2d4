import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { SteleError } from '../../primitives/error.ts'
import { hexBytes, nodeOptions, openNodes, openPerson } from '../command-options.ts'
import type { NodeOptions } from '../command-options.ts'
import { good, print, printJson, say } from '../output.ts'

interface ProofOptions extends NodeOptions {
  readonly transaction?: Uint8Array
  readonly account?: Uint8Array
  readonly consent?: Uint8Array
  readonly record?: Uint8Array
  readonly key?: string
  readonly checkpoint?: Uint8Array
  readonly wallet?: string
  readonly passphraseFile?: string
  readonly out?: string
}

export function register(program: Command): void {
  nodeOptions(program.command('proof')
    .description('fetch one file that proves a transaction, a state key, or both, to anybody, offline')
    .option('--transaction <hex>', 'what this transaction did', hexBytes(32))
    .option('--account <hex>', 'what the state holds about an account, or that it holds nothing', hexBytes(32))
    .option('--consent <hex>', 'the same about a consent', hexBytes(32))
    .option('--record <hex>', 'the same about a record', hexBytes(32))
    .option('--key <hex>', 'the same under any state key')
    .option('--checkpoint <hex>', 'hash of a final block the verifier pins; the proof then begins there instead of at genesis', hexBytes(32))
    .option('--wallet <file>', 'encrypted wallet that signs the question: state is proven to those who may read it')
    .option('--passphrase-file <file>', 'file that opens the wallet; else STELE_PASSPHRASE, else a prompt')
    .option('--out <file>', 'write the proof there instead of printing it'))
    .addHelpText('after', `
Examples:
  stele proof --transaction 3f…9a --genesis genesis.json --out proof.json
  stele proof --consent 81…c2 --wallet ana.json --genesis genesis.json --out consent.json
  stele verify proof proof.json --genesis genesis.json

The proof is verified before it is written. Its text is exact: a changed byte, white space included, makes it void.`)
    .action(run)
}

async function run(options: ProofOptions): Promise<void> {
  const { out, transaction, checkpoint } = options
  if (out !== undefined && existsSync(out)) throw new SteleError({ code: 'OUTPUT_EXISTS', message: 'nothing is overwritten; choose another --out', details: { path: resolve(out) } })
  const state = stateOf(options)
  if (transaction === undefined && state === undefined) throw new SteleError({ code: 'USAGE_CHOICE', message: 'name what to prove: --transaction, or one of --account, --consent, --record and --key' })
  if (state !== undefined && options.wallet === undefined) throw new SteleError({ code: 'USAGE_CHOICE', message: 'state is proven to those who may read it: name a wallet with --wallet' })
  const [{ getProof }, { formatProofReport }] = await Promise.all([import('../../client/actions/get-proof.ts'), import('../../client/verify-proof.ts')])
  const { wallet, passphraseFile } = options
  const client = wallet === undefined ? await openNodes(options) : (await openPerson({ ...options, wallet, relation: 0, ...(passphraseFile !== undefined && { passphraseFile }) })).client
  const { text, report } = await getProof(client, { ...(transaction && { transaction }), ...(state && { state }), ...(checkpoint && { checkpoint }) })
  await client.transport.close()
  if (out === undefined) return void process.stdout.write(text)
  writeFileSync(out, text, { flag: 'wx' })
  if (options.json === true) return printJson({ path: resolve(out), ...report })
  print(formatProofReport(report, good('✓')))
  say(`the proof is in ${resolve(out)}\nnext    stele verify proof ${out} ${checkpoint === undefined ? '--genesis genesis.json' : '--checkpoint HASH'}`)
}

function stateOf({ account, consent, record, key }: ProofOptions): { readonly kind: 'account' | 'consent' | 'record'; readonly id: Uint8Array } | { readonly key: Uint8Array } | undefined {
  const named = [
    ...(account === undefined ? [] : [{ kind: 'account' as const, id: account }]), ...(consent === undefined ? [] : [{ kind: 'consent' as const, id: consent }]),
    ...(record === undefined ? [] : [{ kind: 'record' as const, id: record }]), ...(key === undefined ? [] : [{ key: hexBytes(key.length / 2)(key) }]),
  ]
  if (named.length > 1) throw new SteleError({ code: 'USAGE_CHOICE', message: 'a proof shows one of --account, --consent, --record and --key' })
  return named[0]
}
