import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import type { RpcTxCancellation, RpcTxStatus } from '../../primitives/rpc-types.ts'
import { hexBytes, openPerson, personOptions } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import { bad, EXIT, good, print, printJson } from '../output.ts'
import { connect, withRpcOption } from '../rpc-connection.ts'

interface Common { readonly rpc?: string; readonly json?: boolean }
type Wait = 'accepted' | 'committed' | 'final'

/** Longest wait that a node takes in one call, in ms. */
const POLL_MS_MAX = 30_000

function idOf(value: string): string {
  if (!/^[0-9a-f]{64}$/.test(value)) throw new InvalidArgumentError('64 digits of lower-case hex, as `stele tx send` printed it')
  return value
}

function seconds(value: string): number {
  const number = Number(value)
  if (!Number.isFinite(number) || number < 0 || number > 3600) throw new InvalidArgumentError('seconds, at most 3600')
  return number
}

export function register(program: Command): void {
  const tx = program.command('tx').description('send signed transactions, follow them, fetch their receipts').addHelpText('after', `
Examples:
  stele tx send grant.tx --wait final
  stele tx status 3f…9a
  stele tx wait 3f…9a --until final --timeout 30
  stele tx receipt 3f…9a --out receipt.json && stele verify receipt receipt.json --genesis genesis.json`)
  const common = (command: Command): Command => withRpcOption(command).option('--json', 'print the node\'s answer as one line of JSON')
  common(tx.command('send').argument('<file>', 'signed transaction: bytes, hex, or JSON with `transaction`; - for standard input').description('send a signed transaction; the same bytes again are harmless'))
    .addOption(new Option('--wait <state>', 'return once it is so').choices(['accepted', 'committed', 'final']).default('accepted'))
    .option('--timeout <s>', 'longest wait; its end means "unknown", never "failed"', seconds, 30)
    .addHelpText('after', '\nExamples:\n  stele tx send grant.tx\n  cat grant.hex | stele tx send - --wait final --rpc http://127.0.0.1:8500')
    .action(send)
  common(tx.command('status').argument('<id>', 'transaction id', idOf).description('what became of a transaction, as this node knows it'))
    .addHelpText('after', '\nExamples:\n  stele tx status 3f…9a --json')
    .action(status)
  common(tx.command('wait').argument('<id>', 'transaction id', idOf).description('wait until a transaction is committed or final'))
    .addOption(new Option('--until <state>', 'what to wait for').choices(['committed', 'final']).default('final'))
    .option('--timeout <s>', 'longest wait', seconds, 60)
    .addHelpText('after', '\nExamples:\n  stele tx wait 3f…9a --until committed --timeout 10\n\nExit 0 when reached, 1 when the transaction failed or expired, 3 when the time is over.')
    .action(wait)
  personOptions(tx.command('cancel').argument('<id>', 'transaction id', hexBytes(32)).description('take back a transaction that still waits; only the account that signed it can'))
    .addHelpText('after', `
Examples:
  stele tx cancel 3f…9a --wallet ana.json

Exit 0 when every voter has dropped it and takes it no more; 3 when some did not answer and may still include it; 1 when it stands in a block, or nobody held it.
Certain is only what has expired: stele tx status ID`)
    .action(cancel)
  common(tx.command('receipt').argument('<id>', 'transaction id', idOf).description('fetch the receipt that proves what a transaction did'))
    .option('--out <file>', 'write it to a file instead of printing it')
    .addHelpText('after', '\nExamples:\n  stele tx receipt 3f…9a --out receipt.json\n  stele verify receipt receipt.json --genesis genesis.json')
    .action(receipt)
}

async function send(path: string, { rpc, json, wait: until, timeout }: Common & { readonly wait: Wait; readonly timeout: number }): Promise<void> {
  const { readTransactionFile } = await import('../transaction-file.ts')
  const bytes = await readTransactionFile(path)
  const node = connect(rpc)
  const answer = await node.call('tx_send', { transaction: toHex(bytes) })
  if (until === 'accepted' || timeout === 0) return show(answer, json === true)
  return finish(await waitFor(rpc, answer.id, until, timeout), until, json === true)
}

async function status(id: string, { rpc, json }: Common): Promise<void> {
  show(await connect(rpc).call('tx_status', { id }), json === true)
}

async function wait(id: string, { rpc, json, until, timeout }: Common & { readonly until: 'committed' | 'final'; readonly timeout: number }): Promise<void> {
  finish(await waitFor(rpc, id, until, timeout), until, json === true)
}

/** Long polls until the state is reached, the transaction has expired, or the time is over. */
async function waitFor(rpc: string | undefined, id: string, until: 'committed' | 'final', timeoutS: number): Promise<RpcTxStatus> {
  const node = connect(rpc)
  const deadline = performance.now() + timeoutS * 1000
  for (;;) {
    const leftMs = Math.max(0, Math.min(POLL_MS_MAX, Math.round(deadline - performance.now())))
    const answer = await node.call('tx_wait', { id, until, timeoutMs: leftMs }, { timeoutMs: leftMs + 5_000 })
    if (isReached(answer, until) || answer.status === 'expired' || performance.now() >= deadline) return answer
  }
}

function isReached({ status: state, final }: RpcTxStatus, until: 'committed' | 'final'): boolean {
  return until === 'final' ? final : state === 'committed' || state === 'final' || state === 'failed'
}

function finish(answer: RpcTxStatus, until: 'committed' | 'final', json: boolean): void {
  show(answer, json)
  const effective = answer.code === null || answer.code === 'OK'
  if (answer.status === 'expired' || (isReached(answer, until) && !effective)) process.exitCode = EXIT.failure
  else if (!isReached(answer, until)) process.exitCode = EXIT.notReady
}

function show(answer: RpcTxStatus, json: boolean): void {
  if (json) return printJson(answer)
  const { id, status: state, height, position, code, final } = answer
  const where = height === null ? '' : ` · block ${height}${position === null ? '' : `, position ${position}`}`
  const result = code === null ? '' : ` · ${code === 'OK' ? good('OK') : `${bad(code)} (no effect)`}`
  print(`${id}\n${state}${where}${result}${final && state !== 'final' ? ' · final' : ''}`)
  if (state === 'unknown') print('this node does not know it; that does not mean it failed: send the same bytes again, or ask another node')
}

const OUTCOMES: Readonly<Record<RpcTxCancellation['outcome'], string>> = {
  withdrawn: 'withdrawn: every voter has dropped it and takes it no more',
  partly: 'withdrawn in part: those that are silent may still include it until it expires',
  tooLate: 'too late: it stands in a block; ask for its status',
  unknown: 'no voter held it; each refuses it from now on',
}

async function cancel(id: Uint8Array, options: PersonOptions): Promise<void> {
  const [{ client }, { cancelTransaction }] = await Promise.all([openPerson(options), import('../../client/actions/send-transaction.ts')])
  const answer = await cancelTransaction(client, id)
  await client.transport.close()
  if (options.json === true) printJson(answer)
  else print(`${OUTCOMES[answer.outcome]}\n${answer.nodes.map(({ node, answer: said }) => `node ${node}: ${said}`).join('\n')}`)
  if (answer.outcome !== 'withdrawn') process.exitCode = answer.outcome === 'partly' ? EXIT.notReady : EXIT.failure
}

async function receipt(id: string, { rpc, json, out }: Common & { readonly out?: string }): Promise<void> {
  if (out !== undefined && existsSync(out)) throw new SteleError({ code: 'OUTPUT_EXISTS', message: 'nothing is overwritten; choose another --out', details: { path: resolve(out) } })
  const answer = await connect(rpc).call('tx_receipt', { id })
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(answer)}\n`, { flag: 'wx' })
  if (json === true || out === undefined) printJson(answer)
  else print(`receipt of ${id} is in ${resolve(out)}\nnext    stele verify receipt ${out} --genesis genesis.json`)
  if (answer.bundle === null) {
    process.exitCode = EXIT.notReady
    if (json !== true) process.stderr.write('stele: its block is not final yet, so this proves nothing; wait with: stele tx wait ID --until final\n')
  }
}
