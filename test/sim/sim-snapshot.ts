import { originAfter, pastOf } from '../../node/snapshot-join.ts'
import type { OwnPast, SnapshotEnd } from '../../node/snapshot-join.ts'
import type { ChainRules } from '../../node/chain-rules.ts'
import type { StoredCertificate } from '../../state/ledger-record.ts'
import { equalBytes } from '../../primitives/bytes.ts'
import type { LedgerOptions, LedgerCollaborators } from '../../state/ledger-options.ts'
import { createLedgerFrom } from '../../state/ledger-create.ts'
import type { Ledger } from '../../state/ledger.ts'
import type { CommittedState, SimDatabase } from './sim-executor.ts'
import type { SimNode, SimWorld } from './sim-node.ts'
import type { Life } from './scheduler.ts'

/** What a member serves: the state at a height, the block that gives it, the certificate that makes both final, and those of all changes of voters below it (production: the proof's links). */
export interface SimSnapshot { readonly state: CommittedState; readonly end: SnapshotEnd; readonly changes: readonly StoredCertificate[] }

export const JOIN_DIRECTORY = '/join'
const REQUEST_TIMEOUT_US = 5_000_000

/** A snapshot of `state`, once it is proved final; undefined before, and when the log no longer has its block. `known`: an older one, whose changes of voters may be pruned since. */
export function makeSnapshot(state: CommittedState, ledger: Ledger, { changeHeights }: Pick<ChainRules, 'changeHeights'>, known: SimSnapshot | undefined, parentOf: (data: Uint8Array) => Uint8Array): SimSnapshot | undefined {
  const { appliedIndex: index, height } = state
  const certificate = ledger.certificateCovering(height)
  const entry = index > ledger.firstIndex() ? ledger.entry(index) : undefined
  if (certificate === undefined || entry === undefined || !equalBytes(entry.hash ?? new Uint8Array(0), state.hash)) return undefined
  const changes = changeHeights.filter((at) => at <= certificate.height).map((at) => known?.changes.find((change) => change.height === at) ?? ledger.certificateCovering(at))
  if (changes.some((change, i) => change?.height !== changeHeights[i])) return undefined
  return { state, changes: changes as readonly StoredCertificate[], end: { entry: { ...entry, data: entry.data.slice() }, previous: { term: ledger.term(index - 1)!, noop: ledger.isNoop(index - 1), parent: parentOf(entry.data) }, certificate } }
}

/** Asks the others by turns for a snapshot above `height`; undefined when nobody has one that is new here. */
export async function fetchSnapshot(past: OwnPast, self: number, life: Life, world: SimWorld): Promise<SimSnapshot | undefined> {
  for (const node of world.nodes) {
    if (node === self) continue
    const found = await ask(world.find(node), life, world)
    if (found === undefined || found.state.height <= past.height) continue
    const { index, term } = found.end.entry
    if (past.lastIndex >= index && past.term(index) === term) continue // The log holds the block already.
    return found
  }
  return undefined
}

function ask(node: SimNode, life: Life, world: SimWorld): Promise<SimSnapshot | undefined> {
  return new Promise((resolve) => {
    const timeout = world.scheduler.schedule(REQUEST_TIMEOUT_US, life, () => resolve(undefined))
    world.network.call(life, node.id, () => node.database.snapshot, (answer) => {
      timeout.cancelled = true
      resolve(answer)
    })
  })
}

/** Builds the ledger that goes on behind the snapshot beside the present one, by the production code. Nothing of it counts before the caller has put it in place. */
export async function stageLedger(snapshot: SimSnapshot, present: Ledger, options: LedgerOptions, collaborators: LedgerCollaborators): Promise<void> {
  const { fileSystem } = collaborators
  for (const name of await fileSystem.list(JOIN_DIRECTORY)) await fileSystem.remove(`${JOIN_DIRECTORY}/${name}`)
  await createLedgerFrom({ ...options, directory: JOIN_DIRECTORY }, collaborators, originAfter(snapshot.end, pastOf(present)))
}

/** Takes the state of the snapshot in place of the own. */
export function adoptState(database: SimDatabase, snapshot: SimSnapshot): void {
  const { state } = snapshot
  Object.assign(database, { ...state, transactions: new Map(state.transactions), snapshot })
}
