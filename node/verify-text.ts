import { LEDGER_ERRORS } from '../state/errors.ts'
import { bad, dim, good } from './output.ts'
import { VERIFY_ERRORS } from './verify-errors.ts'
import { VERIFY_PARTS } from './verify-report.ts'
import type { Finding, VerifyPart, VerifyProgress, VerifyReport } from './verify-report.ts'

const MISDEEDS = { attestation: 'attested to two different blocks at height', header: 'signed two different blocks as leader for height', vote: 'voted for two candidates in term' } as const

/** A verification's outcome for people: one line a part, one a finding, and what to do next. */
export function formatVerifyReport(report: VerifyReport): string {
  const lines: string[] = []
  for (const part of VERIFY_PARTS) {
    const summary = summaryOf(report, part)
    const faulty = report.findings.some((finding) => finding.part === part)
    if (summary !== undefined || faulty) lines.push(`${faulty ? bad('✗') : good('✓')} ${part.padEnd(12)}  ${summary ?? 'could not be read'}`)
    for (const finding of report.findings.filter((each) => each.part === part)) lines.push(`    ${finding.code} ${placeOf(finding)}`, `      broken rule: ${finding.rule}${detailsOf(finding)}`)
    for (const { why } of report.skipped.filter((each) => each.part === part)) lines.push(`! ${part.padEnd(12)}  ${why}`)
  }
  for (const { kind, node, member, at } of report.evidence) lines.push(`! evidence      node ${node} of member ${member} ${MISDEEDS[kind]} ${at}: keep this folder and tell the other members`)
  if (report.findingCount > report.findings.length) lines.push(`    … and ${report.findingCount - report.findings.length} more findings`)
  lines.push('', report.sound ? `${good('sound')} · chain ${report.chain.slice(0, 16)}… · ${seconds(report.durationMs)}` : `${bad('not sound')}: ${count(report.findingCount, 'finding')} in ${report.directory}`)
  if (!report.sound) lines.push(...nextSteps(report).map((text) => `→ ${text}`))
  return lines.join('\n')
}

function summaryOf({ ledger, blocks, certificates, state, vault }: VerifyReport, part: VerifyPart): string | undefined {
  switch (part) {
    case 'ledger': return ledger.segments === 0 ? undefined : `${count(ledger.segments, 'segment')}, ${mebibytes(ledger.bytes)}, ${count(ledger.records, 'record')} read byte by byte`
    case 'chain': return ledger.segments === 0 ? undefined : `${count(blocks.checked, 'block')}, ${count(blocks.transactions, 'transaction')}, ${count(blocks.signatures, 'signature')}; executed again up to height ${blocks.executedHeight}`
    case 'certificates': return ledger.segments === 0 ? undefined : `${count(certificates.checked, 'certificate')}, ${count(certificates.attestations, 'own attestation')}; final up to height ${certificates.finalHeight}`
    case 'state': return state === undefined ? undefined : `height ${state.height}: ${count(state.values, 'value')}, ${count(state.treeNodes, 'tree node')}, ${count(state.indexRows, 'index row')}, ${count(state.files, 'file')}`
    case 'vault': return vault === undefined ? undefined : `${count(vault.blobs, 'blob')}, ${mebibytes(vault.bytes)}; ${vault.promised.toLocaleString('en')} promised by storage receipts`
  }
}

function placeOf({ height, index, segment, file, offset, bytes }: Finding): string {
  const parts = [
    height === undefined ? '' : `height ${height}`, index === undefined ? '' : `entry ${index}`, segment === undefined ? '' : `segment ${segment}`, file ?? '',
    offset === undefined ? '' : `offset ${offset}`, bytes === undefined ? '' : count(bytes, 'byte'),
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function detailsOf({ details, rule }: Finding): string {
  const shown = Object.entries(details ?? {}).filter(([name, value]) => value !== undefined && value !== rule && !['height', 'index', 'segment', 'offset'].includes(name))
  return shown.length === 0 ? '' : dim(` (${shown.map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join(', ')})`)
}

/** One step for each kind of finding; unknown kinds get the general one. */
function nextSteps({ findings }: VerifyReport): string[] {
  // What no other node can give back makes every other advice about the ledger void: a start would be refused.
  const lost = findings.filter(({ code }) => code === 'LEDGER_UNREPAIRABLE')
  if (lost.length > 0) return [LEDGER_ERRORS.LEDGER_UNREPAIRABLE]
  const table: Readonly<Record<string, string>> = VERIFY_ERRORS
  return [...new Set(findings.map(({ code }) => table[code] ?? VERIFY_ERRORS.VERIFY_DAMAGED))]
}

/** Before this much time nobody can say how long the rest takes. */
const ESTIMATE_AFTER_MS = 500

/** A line of progress every so often, overwriting itself; only for terminals. */
export function createProgressLine(write: (text: string) => void, nowMs: () => number, everyMs = 200): { show(progress: VerifyProgress): void; clear(): void } {
  let part: VerifyPart | undefined
  let beganMs = 0
  let shownMs = 0
  return {
    show({ part: now, done, total }) {
      const time = nowMs()
      if (part !== now) [part, beganMs] = [now, time]
      if (time - shownMs < everyMs || total === 0) return
      shownMs = time
      const leftMs = done === 0 || time - beganMs < ESTIMATE_AFTER_MS ? undefined : ((time - beganMs) * (total - done)) / done
      write(`\r\u001b[K${part} ${Math.floor((100 * done) / total)} %${leftMs === undefined ? '' : ` · ${seconds(leftMs)} left`}`)
    },
    clear() {
      if (shownMs !== 0) write('\r\u001b[K')
    },
  }
}

function count(value: number, noun: string): string {
  return `${value.toLocaleString('en')} ${noun}${value === 1 ? '' : 's'}`
}

function mebibytes(bytes: number): string {
  return bytes < 1024 * 1024 ? count(bytes, 'byte') : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function seconds(ms: number): string {
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}
