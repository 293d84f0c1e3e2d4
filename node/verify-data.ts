import { toHex } from '../primitives/bytes.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { headerRules } from './genesis-file.ts'
import { VerifierPool } from './verifier.ts'
import { checkCertificates } from './verify-certificates.ts'
import { ChainCheck } from './verify-chain.ts'
import { CustodyCheck, nodeOf } from './verify-custody.ts'
import { findGround } from './verify-ground.ts'
import { checkEvidence } from './verify-evidence.ts'
import { IndexComparison } from './verify-index.ts'
import { ledgerFolder, scanLedgerFiles } from './verify-ledger.ts'
import { isRunning } from './verify-place.ts'
import { VERIFY_PARTS, VerifyJournal } from './verify-report.ts'
import type { VerifyPart, VerifyProgress, VerifyReport } from './verify-report.ts'
import { checkState, openStateCopy, stateFolder } from './verify-state.ts'
import type { StateCopy } from './verify-state.ts'
import { checkVault } from './verify-vault.ts'

export interface VerifyDataOptions {
  /** A node's data folder: ledger/, state/, vault/. Not one byte of it is changed. */
  readonly dataDir: string
  /** From a source the caller trusts: everything is judged by it. */
  readonly genesis: Genesis
  /** All by default. `ledger` always runs, since the others read through it. */
  readonly parts?: readonly VerifyPart[]
  /** Bytes after the last durable record are no finding: for a copy that was taken of a running node. */
  readonly tornTailAllowed?: boolean
  /** Signature verification threads; 0 verifies on the event loop. */
  readonly threads?: number
  readonly onProgress?: (progress: VerifyProgress) => void
  readonly signal?: AbortSignal
}

/**
 * Verifies a node's data folder against genesis: every byte of the ledger's segments, the chain of blocks with all roots and signatures, all contracts executed again, certificates and
 * attestations, the state database with its tree and indexes, and every stored blob. Damage is reported, not thrown; thrown are `VERIFY_NO_DATA`, `LEDGER_WRONG_CHAIN`, `LEDGER_VERSION_UNSUPPORTED` and what the disk says.
 * While a node runs in the folder, the state database is left out and an unfinished batch at the ledger's end is no finding. Memory: 60 bytes an entry, and the state of a small ledger; a larger one's is built in the temporary folder.
 */
export async function verifyData({ dataDir, genesis, parts = VERIFY_PARTS, tornTailAllowed = false, threads = 1, onProgress = () => {}, signal }: VerifyDataOptions): Promise<VerifyReport> {
  const startedMs = performance.now()
  const rules = headerRules(genesis)
  const journal = new VerifyJournal(onProgress)
  const running = isRunning(dataDir)
  const wanted = (part: VerifyPart): boolean => parts.includes(part)
  const ledger = await scanLedgerFiles(ledgerFolder(dataDir), rules.chain, journal, tornTailAllowed || running)
  const folder = stateFolder(dataDir)
  let state: StateCopy | undefined
  if (wanted('state')) {
    if (running) journal.skip('state', 'a node runs in this folder and its state changes while it is read; stop it to verify the state')
    else if (folder === undefined) journal.skip('state', 'there is no state folder; the node makes it anew from the ledger')
    else state = await openStateCopy(folder, rules.chain, journal)
  }
  const verifier = new VerifierPool({ threads, batchMax: 256, verdictsMax: 65_536 })
  // Verification threads alone do not keep a process alive.
  const alive = setInterval(() => {}, 60_000)
  try {
    const base = ledger?.image.state.index.base.index ?? 0
    const ground = ledger === undefined || base === 0 || !wanted('chain') ? undefined : await findGround(dataDir, ledger, rules, journal, signal)
    const view = state === undefined ? undefined : state.world.rows()
    const index = view === undefined ? undefined : new IndexComparison(view, state!.world.height, rules.chain, journal, base === 0)
    const node = ledger === undefined ? undefined : nodeOf(ledger)
    const custody = node === undefined || !wanted('vault') ? undefined : new CustodyCheck(dataDir, node, journal)
    const chain = ledger === undefined || !wanted('chain') ? undefined : await new ChainCheck(genesis, rules, ledger, verifier, journal, { index, custody, ground }).run(signal)
    const certificates = ledger === undefined || chain === undefined || !wanted('certificates') ? undefined : await checkCertificates(rules, ledger, chain.contents, journal, signal)
    const evidence = wanted('certificates') ? await checkEvidence(dataDir, rules, journal) : []
    if (chain !== undefined) await index?.finish(signal)
    const values = state === undefined || ledger === undefined ? undefined : await checkState(state, rules, ledger, folder!, journal, signal)
    const vault = wanted('vault') ? await checkVault(dataDir, journal, signal) : undefined
    const log = ledger?.image.state.index
    return {
      sound: journal.findingCount === 0, chain: toHex(rules.chain), directory: dataDir, running,
      ledger: { segments: ledger?.segments ?? 0, bytes: ledger?.bytes ?? 0, records: ledger?.records ?? 0, lastIndex: log?.lastIndex ?? 0, lastHeight: log?.lastHeight ?? 0 },
      blocks: { checked: chain?.checked ?? 0, transactions: chain?.transactions ?? 0, signatures: chain?.signatures ?? 0, executedHeight: chain?.executedHeight ?? 0 },
      certificates: { checked: certificates?.checked ?? 0, attestations: certificates?.attestations ?? 0, finalHeight: certificates?.finalHeight ?? 0 },
      ...(state === undefined || values === undefined ? {} : { state: { height: state.world.height, values: values.values, treeNodes: values.nodes, indexRows: index?.rows ?? 0, files: state.files } }),
      ...(vault === undefined ? {} : { vault: { ...vault, promised: custody?.promised ?? 0 } }),
      evidence, skipped: journal.skipped, findings: journal.findings, findingCount: journal.findingCount, durationMs: Math.round(performance.now() - startedMs),
    }
  } finally {
    clearInterval(alive)
    ledger?.reader.close()
    await verifier.stop()
    await state?.close()
  }
}
