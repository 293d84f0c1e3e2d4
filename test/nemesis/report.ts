import type { HistoryResult } from '../history/check.ts'
import type { Recorder } from './recorder.ts'

export interface Report {
  readonly again: string
  readonly seconds: number
  readonly nodes: number
  readonly faults: readonly { readonly atMs: number; readonly text: string }[]
  /** Why a fault that was asked for could not be done on this machine. */
  readonly leftOut: readonly string[]
  readonly operations: Recorder['counts']
  readonly failedRequests: number
  readonly acknowledged: number
  readonly sent: number
  readonly height: number
  readonly transactions: number
  readonly root: string
  readonly convergedMs: number | undefined
  readonly fullDisks: readonly { readonly code: number; readonly lastWords: string }[]
  readonly history: Pick<HistoryResult, 'verdict' | 'operations' | 'keys' | 'undecidedKeys' | 'troubles'>
  readonly violations: readonly string[]
  /** Where everything lies, when it was kept. */
  readonly folder: string | undefined
}

export const EXIT = { fine: 0, violation: 1, usage: 2, undecided: 3, interrupted: 130 } as const

export function exitCodeOf({ violations, history }: Pick<Report, 'violations' | 'history'>): number {
  return violations.length > 0 ? EXIT.violation : history.verdict === 'undecided' ? EXIT.undecided : EXIT.fine
}

export function formatReport(report: Report): string {
  const { operations: { ok, fail, dropped, unknown }, history } = report
  const lines = [
    `${report.nodes} nodes, ${report.seconds} s, ${report.faults.length} events of faults${report.leftOut.map((text) => `; left out: ${text}`).join('')}`,
    `operations: ${ok} took effect, ${fail} found their condition unmet, ${dropped} had no effect, ${unknown} unknown; ${report.failedRequests} requests failed`,
    `history: ${history.verdict} (${history.operations} operations on ${history.keys} registers)`,
    `ledger: height ${report.height}, ${report.transactions} transactions, ${report.acknowledged} of ${report.sent} sent were acknowledged, state root ${report.root.slice(0, 16)}…`,
    ...(report.convergedMs === undefined ? [] : [`after the last fault all nodes were equal and final again within ${report.convergedMs} ms`]),
    ...report.fullDisks.map(({ code, lastWords }) => `full disk: ended with ${code}: ${lastWords}`),
    ...(report.violations.length === 0 ? ['no violation: linearizable, nothing lost, nothing twice, ledgers sound and equal'] : report.violations.map((text) => `VIOLATION: ${text}`)),
    ...(report.folder === undefined ? [] : [`everything lies in ${report.folder}`]),
    `again: ${report.again}`,
  ]
  return lines.join('\n')
}
