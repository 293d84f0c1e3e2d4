import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { listAudit } from '../../client/actions/index.ts'
import { toHex } from '../../primitives/bytes.ts'
import { decisionEvent } from '../../primitives/calls/access.ts'
import { encode, toJson } from '../../primitives/codec.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import { hexBytes, openPerson, personOptions } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import { print, printJson, table } from '../output.ts'

interface AuditOptions extends PersonOptions { readonly subject?: Uint8Array; readonly receipts?: string }

const NAMELESS = { open: '', absent: '(left no name)', 'not-for-us': '(sealed to others)', invalid: '(false name)' } as const

export function register(program: Command): void {
  personOptions(program.command('audit')
    .description('who asked for what: permits and denials alike, every proof verified here')
    .option('--subject <hex>', 'whose trail, for auditors; one\'s own unless told', hexBytes(32))
    .option('--receipts <dir>', 'write each entry\'s proof there, for `stele verify receipt`'))
    .addHelpText('after', `
Examples:
  stele audit --wallet ana.json
  stele audit --wallet auditor.json --subject HEX --receipts proofs/`)
    .action(run)
}

async function run(options: AuditOptions): Promise<void> {
  const { client } = await openPerson(options)
  const entries = await listAudit(client, options.subject === undefined ? {} : { subject: options.subject })
  await client.transport.close()
  if (options.receipts !== undefined) {
    for (const { bundle, decision } of entries) if (bundle !== undefined) writeFileSync(join(options.receipts, `${toHex(decision.request)}.receipt`), `${toHex(encode(receiptBundle, bundle))}\n`)
  }
  if (options.json === true) {
    return printJson(entries.map(({ height, timeMs, decision, details, detailsState, bundle }) => ({ height, timeMs: timeMs ?? null, final: bundle !== undefined, detailsState, details: details ?? null, decision: toJson(decisionEvent, decision) })))
  }
  const rows = entries.map(({ timeMs, decision, details, detailsState, bundle }) => [
    timeMs === undefined ? 'pruned here' : new Date(timeMs).toISOString().slice(0, 19), plain(details?.who ?? NAMELESS[detailsState]), decision.action, `${toHex(decision.record).slice(0, 12)}…`, decision.purpose,
    decision.decision === 'permit' ? 'allowed' : 'refused', bundle !== undefined ? 'proven' : timeMs === undefined ? 'pruned here' : 'not final', plain(details?.reason ?? ''),
  ])
  print(table([['TIME (UTC)', 'WHO', 'ASKED TO', 'RECORD', 'PURPOSE', 'DECISION', 'PROOF', 'REASON'], ...rows]))
}

/** Text typed by others, made safe for a terminal. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
}
