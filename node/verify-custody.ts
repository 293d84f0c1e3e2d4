import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../primitives/bytes.ts'
import { recordsCalls } from '../primitives/calls/records.ts'
import { attestationSchema } from '../primitives/certificate.ts'
import { decode } from '../primitives/codec.ts'
import { errorCode } from '../primitives/error.ts'
import type { ExecutedBlock } from './executed-block.ts'
import { recordAt } from './verify-ledger.ts'
import type { ScannedLedger } from './verify-ledger.ts'
import type { VerifyJournal } from './verify-report.ts'

/** The node whose folder this is, by the attestations it signed; undefined before its first. */
export function nodeOf(ledger: ScannedLedger): number | undefined {
  const [first] = ledger.attestations
  if (first === undefined) return undefined
  const record = recordAt(ledger, first)
  if (record.type !== 'attestation' || record.attestation.bytes === undefined) return undefined
  try {
    return decode(attestationSchema, record.attestation.bytes).node
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') !== true) throw error
    return undefined // Reported where attestations are checked.
  }
}

/** Whether the vault still has every blob for which the node signed a storage receipt that stands on the ledger: the record's owner relies on it. */
export class CustodyCheck {
  readonly #root: string
  readonly #node: number
  readonly #journal: VerifyJournal
  /** Blobs promised and looked for. */
  promised = 0

  constructor(dataDir: string, node: number, journal: VerifyJournal) {
    this.#root = join(dataDir, 'vault', 'blobs')
    this.#node = node
    this.#journal = journal
  }

  check({ height, index, transactions, receipts }: ExecutedBlock): void {
    transactions.forEach(({ body }, position) => {
      if (body.contract !== 'records' || body.call !== 'register' || receipts[position]?.code !== 'OK') return
      const { receipts: signed, sections, record, version } = decode(recordsCalls.register, body.args)
      if (!signed.some(({ node }) => node === this.#node)) return
      for (const { blob } of sections) {
        this.promised++
        const name = toHex(blob)
        if (existsSync(join(this.#root, name.slice(0, 2), name))) continue
        this.#journal.find({ part: 'vault', code: 'VAULT_NOT_FOUND', rule: 'every blob this node signed a storage receipt for is here', height, index, details: { blob: name, record: toHex(record), version } })
      }
    })
  }
}
