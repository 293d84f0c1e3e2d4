import type { FoundEvidence } from './verify-evidence.ts'

/** What `stele verify` looks at, in this order. */
export const VERIFY_PARTS = ['ledger', 'chain', 'certificates', 'state', 'vault'] as const
export type VerifyPart = (typeof VERIFY_PARTS)[number]

/**
 * One thing that is not as it was written or not as the rules of the chain demand. Heights count blocks, `index` log entries; `segment`, `offset` and `bytes` say where in the
 * ledger's files, `file` and `offset` where in another one.
 */
export interface Finding {
  readonly part: VerifyPart
  /** `LEDGER_DAMAGED`, `LEDGER_UNREPAIRABLE`, `LEDGER_TORN`, `BLOCK_INVALID`, `ROOT_MISMATCH`, CERTIFICATE_*, `STATE_DAMAGED`, `VAULT_DAMAGED`, … */
  readonly code: string
  /** The rule that does not hold, or what is damaged, as a sentence without a full stop. */
  readonly rule: string
  readonly height?: number
  readonly index?: number
  readonly segment?: number
  readonly file?: string
  readonly offset?: number
  readonly bytes?: number
  readonly details?: Readonly<Record<string, unknown>>
}

/** A part, or the rest of one, that was not checked; never silently. */
export interface Skipped { readonly part: VerifyPart; readonly why: string }

export interface VerifyReport {
  /** True when everything that was checked is sound. */
  readonly sound: boolean
  /** Chain id, hex. */
  readonly chain: string
  readonly directory: string
  /** A process holds the folder; then only files that never change under a running node are checked. */
  readonly running: boolean
  readonly ledger: { readonly segments: number; readonly bytes: number; readonly records: number; readonly lastIndex: number; readonly lastHeight: number }
  readonly blocks: { readonly checked: number; readonly transactions: number; readonly signatures: number; /** Height up to which every block was executed again and gave its roots. */ readonly executedHeight: number }
  readonly certificates: { readonly checked: number; readonly attestations: number; readonly finalHeight: number }
  readonly state?: { readonly height: number; readonly values: number; readonly treeNodes: number; readonly indexRows: number; readonly files: number }
  /** `promised`: blobs named by storage receipts this node signed, each of which was looked for. */
  readonly vault?: { readonly blobs: number; readonly bytes: number; readonly promised: number }
  /** Members proved to have signed two things for one height. No fault of this folder: it is why the folder must be kept. */
  readonly evidence: readonly FoundEvidence[]
  readonly skipped: readonly Skipped[]
  /** The first `FINDINGS_MAX`, in the order they were met. */
  readonly findings: readonly Finding[]
  readonly findingCount: number
  readonly durationMs: number
}

/** How far a part is; the unit is its own (bytes, blocks, blobs). */
export interface VerifyProgress { readonly part: VerifyPart; readonly done: number; readonly total: number }

/** A ruined disk can hold any number of faults; the first ones tell where to look. */
export const FINDINGS_MAX = 200

/** Gathers findings, skipped parts and progress of one verification. */
export class VerifyJournal {
  readonly findings: Finding[] = []
  readonly skipped: Skipped[] = []
  findingCount = 0
  readonly #onProgress: (progress: VerifyProgress) => void

  constructor(onProgress: (progress: VerifyProgress) => void) {
    this.#onProgress = onProgress
  }

  find(finding: Finding): void {
    this.findingCount++
    if (this.findings.length < FINDINGS_MAX) this.findings.push(finding)
  }

  skip(part: VerifyPart, why: string): void {
    this.skipped.push({ part, why })
  }

  progress(part: VerifyPart, done: number, total: number): void {
    this.#onProgress({ part, done, total })
  }
}
