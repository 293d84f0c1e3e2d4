import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes, fromHex, maybeFromHex, toHex } from '../primitives/bytes.ts'
import { certificateSchema, verifyCertificate } from '../primitives/certificate.ts'
import type { Certificate } from '../primitives/certificate.ts'
import { decode, encode } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { sha256 } from '../primitives/hash.ts'
import type { ChainRules } from './chain-rules.ts'
import type { Holding } from './recovery.ts'
import { writeDurably } from './recovery-file.ts'

const FORMAT = 'stele-recovery-export'

/** Where a log ends: the newest block in it and the term of its last entry. As in an election, the later term counts first, then the height (Raft paper §5.4.1). */
export interface LogEnd { readonly height: number; readonly block: Uint8Array; readonly term: number }

/** What a surviving node shows of itself before a recovery. */
export interface Export { readonly node: number; readonly last: LogEnd; readonly certificate: Certificate | undefined }

/** What was presented, verified: every certificate, and where the logs of other survivors end. */
export interface Presented { readonly certificates: readonly Certificate[]; readonly logs: readonly (LogEnd & { readonly node: number })[] }

export function exportText({ node, last, certificate }: Export): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, node, height: last.height, term: last.term, block: toHex(last.block), certificate: certificate === undefined ? null : toHex(encode(certificateSchema, certificate)) }, null, 2)}\n`
}

/** Reads what others exported and verifies every certificate against the set of its height. Throws `RECOVERY_UNREADABLE` and CERTIFICATE_*, with the file's name. */
export function readExports(paths: readonly string[], rules: ChainRules): Presented {
  const read = paths.map((path) => readExport(path, rules))
  return { certificates: read.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate])), logs: read.map(({ node, last }) => ({ node, ...last })) }
}

function readExport(path: string, rules: ChainRules): Export {
  const unreadable = (reason: string, cause?: unknown): never => {
    throw new SteleError({ code: 'RECOVERY_UNREADABLE', message: 'the file is not what stele recovery export wrote', details: { file: path, reason }, cause })
  }
  let value: Readonly<Record<string, unknown>> = {}
  try {
    value = JSON.parse(readFileSync(path, 'utf8')) as typeof value
  } catch (cause) {
    unreadable(errorCode(cause) ?? 'not JSON', cause)
  }
  const { format, version, node, height, term, certificate: hex } = value
  const block = typeof value['block'] === 'string' ? maybeFromHex(value['block']) : undefined
  const whole = [node, height, term].every((each) => Number.isSafeInteger(each) && Number(each) >= 0)
  if (format !== FORMAT || version !== 1 || !whole || block?.length !== 32 || !(hex === null || typeof hex === 'string')) return unreadable('another format or version')
  const last = { height: Number(height), block, term: Number(term) }
  if (hex === null) return { node: Number(node), last, certificate: undefined }
  try {
    const certificate = decode(certificateSchema, fromHex(hex))
    verifyCertificate(rules.chain, rules.membersAt(certificate.content.height), certificate)
    return { node: Number(node), last, certificate }
  } catch (cause) {
    if (cause instanceof SteleError && cause.code.startsWith('CERTIFICATE_')) throw new SteleError({ code: cause.code, message: cause.message, details: { ...cause.details, file: path }, cause })
    return unreadable('its certificate cannot be decoded', cause)
  }
}

/** The survivors whose logs are more up to date than this end: what a majority committed may stand there and not here. */
export function aheadOf({ height, term }: Pick<LogEnd, 'height' | 'term'>, { logs }: Presented): Presented['logs'] {
  return logs.filter((log) => log.term > term || (log.term === term && log.height > height))
}

/** Refuses certificates of other blocks than this node holds at their heights. Throws `RECOVERY_OTHER_BLOCK`. */
export function mustAgree({ ledger }: Pick<Holding, 'ledger'>, { certificates }: Presented): void {
  for (const { content } of certificates) {
    const held = heldAt(ledger, Number(content.height))
    if (held === undefined || equalBytes(held, content.block)) continue
    throw new SteleError({ code: 'RECOVERY_OTHER_BLOCK', message: 'a presented certificate names another block than this node holds at its height', details: { height: Number(content.height), named: toHex(content.block), held: toHex(held) } })
  }
}

/**
 * Keeps every presented certificate in the data folder, durably, so that it can be looked up later what a recovery knew; the highest one that this node holds the block of also goes into its
 * ledger, which makes everything below final. Returns the folder.
 */
export async function keepPresented(dataDir: string, { ledger, certificate: own }: Pick<Holding, 'ledger' | 'certificate'>, { certificates }: Presented): Promise<string> {
  const folder = join(dataDir, 'recovery-certificates')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const certificate of certificates) {
    const bytes = encode(certificateSchema, certificate)
    const { height, epoch, block } = certificate.content
    const path = join(folder, `${height}-${toHex(sha256(bytes)).slice(0, 16)}.json`)
    if (!existsSync(path)) await writeDurably(path, `${JSON.stringify({ height: Number(height), epoch, block: toHex(block), signers: certificate.signatures.map(({ node }) => node), certificate: toHex(bytes) }, null, 2)}\n`)
  }
  const known = certificates.filter(({ content }) => holds(ledger, content)).sort((a, b) => Number(b.content.height - a.content.height))[0]
  if (known !== undefined && known.content.height > (own?.content.height ?? 0n)) await ledger.append({ certificate: { height: Number(known.content.height), bytes: encode(certificateSchema, known) } })
  return folder
}

function heldAt(ledger: Holding['ledger'], height: number): Uint8Array | undefined {
  const index = ledger.indexOfHeight(height)
  return index === undefined ? undefined : ledger.entry(index)?.hash
}

function holds(ledger: Holding['ledger'], { height, block }: Certificate['content']): boolean {
  const held = heldAt(ledger, Number(height))
  return held !== undefined && equalBytes(held, block)
}
