import { equalBytes, toHex } from '../primitives/bytes.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { Damage } from '../state/ledger-damage.ts'
import type { OpenedLedger } from '../state/ledger-open.ts'
import type { Entry } from '../state/ledger-record.ts'
import type { LedgerRepair } from '../state/ledger-repair.ts'
import type { Ledger } from '../state/ledger.ts'
import type { ChainRules } from './chain-rules.ts'
import { agreedPlaces, checkOffered, isFinal, placeOf, refused, samePlace } from './repair-proof.ts'
import type { CheckedEntry } from './repair-proof.ts'
import type { RepairRoom } from './repair-room.ts'
import type { BlockSource } from './sync-blocks.ts'

export interface LedgerRepairPorts {
  readonly open: () => Promise<OpenedLedger>
  readonly room: Pick<RepairRoom, 'enter' | 'wait' | 'throwIfStopping' | 'signal'>
  readonly rules: ChainRules
  readonly logger: Logger
  /** Judges an offered entry by itself; the simulator's blocks have a shape of their own. `checkOffered` unless given. */
  readonly check?: typeof checkOffered
}

/**
 * Opens the ledger; when it is damaged, stays in repair mode until every damaged entry has been fetched and proved, however long that takes.
 * Throws what `openLedger` throws, and `NODE_STOPPING`.
 */
export async function openWholeLedger(ports: LedgerRepairPorts): Promise<Ledger> {
  let opened = await ports.open()
  while (opened.status === 'repair') {
    const { repair, damaged } = opened
    tell(damaged, ports.logger)
    try {
      const source = await ports.room.enter(reasonOf(damaged))
      await mendAll(repair, source, ports)
      opened = await repair.finish()
    } catch (error) {
      await repair.close()
      throw error
    }
  }
  await raiseTerm(opened.ledger)
  return opened.ledger
}

function tell(damaged: readonly Damage[], logger: Logger): void {
  for (const { segment, offset, bytes, kind, fix, recordType, index, height, term } of damaged) {
    logger.error({ code: 'LEDGER_DAMAGED', segment, offset, bytes, kind, fix, recordType, index, height, term }, 'ledger damaged')
  }
}

/** What probes and other members are told. A no-op has no height, so its index is named. */
function reasonOf(damaged: readonly Damage[]): string {
  const first = damaged.find(({ height, index }) => (height ?? 0) > 0 || index !== undefined) ?? damaged[0]
  const where = (first?.height ?? 0) > 0 ? `height ${first?.height}` : first?.index !== undefined ? `index ${first.index}` : `segment ${first?.segment} offset ${first?.offset}`
  return `repair: ${where} damaged`
}

async function mendAll(repair: LedgerRepair, source: BlockSource, ports: MendPorts): Promise<void> {
  const { room, logger } = ports
  for (;;) {
    room.throwIfStopping()
    if (repair.damaged.some(({ fix, lastOrdinal }) => fix === 'local' && lastOrdinal > 0)) {
      await repair.repairLocal()
      logger.info({}, 'records that only this node writes were mended')
    }
    await mendCopies(repair, source, ports)
    if (repair.damaged.every(({ needFrom }) => needFrom === 0)) return
    // What no copy brings back is not waited for: where it was replaced, or where the ledger cannot tell any more what it was, what the cluster has committed takes its place.
    if (await replaceWithCommitted(repair, source, ports)) continue
    await room.wait()
  }
}

type MendPorts = Omit<LedgerRepairPorts, 'open'>

/** Puts back single lost entries in ascending order, up to the first one that no member has. */
async function mendCopies(repair: LedgerRepair, source: BlockSource, ports: MendPorts): Promise<void> {
  const lost = repair.damaged.filter(({ fix }) => fix === 'copy').sort((a, b) => a.index! - b.index!)
  for (const { index } of lost) {
    // Its neighbour's return may have told more about it.
    const damage = repair.damaged.find((candidate) => candidate.fix === 'copy' && candidate.index === index)
    if (damage !== undefined && !await mendCopy(damage, repair, source, ports)) return
  }
}

async function mendCopy(damage: Damage, repair: LedgerRepair, source: BlockSource, { room, rules, logger, check }: MendPorts): Promise<boolean> {
  const index = damage.index!
  for (const node of source.nodes) {
    try {
      const checked = await fetchOne(node, index, source, check ?? checkOffered, rules, room.signal)
      if (checked === undefined) continue
      await mustBeProved(checked, damage, source, rules, room.signal)
      await repair.repair(checked.entry)
      logger.info({ node, index, height: checked.entry.height, hash: checked.entry.hash === undefined ? undefined : toHex(checked.entry.hash) }, `repaired from node ${node}`)
      return true
    } catch (error) {
      if (room.signal.aborted || !(error instanceof SteleError) || error.code === 'LEDGER_WRITE_FAILED') throw error
      if (errorCode(error)?.startsWith('P2P_') !== true) logger.warn({ node, index, code: error.code, details: error.details }, 'a member offered an entry that cannot be taken')
    }
  }
  return false
}

async function fetchOne(node: number, index: number, source: BlockSource, check: typeof checkOffered, rules: ChainRules, signal: AbortSignal): Promise<CheckedEntry | undefined> {
  for await (const offered of source.entries(node, index, index, signal)) return check(offered, rules)
  return undefined
}

/**
 * The hash that this ledger itself still remembers of the lost block is the best proof, and the only one for a block that was acknowledged and not committed.
 * Without it the block must be final, or committed by a majority. A no-op is its term and index, which the ledger compares.
 */
async function mustBeProved(checked: CheckedEntry, { hash }: Damage, source: BlockSource, rules: ChainRules, signal: AbortSignal): Promise<void> {
  const { entry } = checked
  if (entry.hash === undefined) return
  if (hash !== undefined) {
    if (equalBytes(hash, entry.hash)) return
    throw refused(entry.index, 'its hash is the one that was stored', entry.hash)
  }
  if (await isFinal(checked, source, rules, signal)) return
  const [place] = await agreedPlaces(entry.index, entry.index, source, rules, signal)
  if (place === undefined || !samePlace(place, placeOf(entry))) throw refused(entry.index, 'a certificate or a majority of voters vouches for it', entry.hash)
}

/** Gives up what is in doubt for what the cluster has committed there. False while the cluster has not committed as far as this node acknowledged. */
async function replaceWithCommitted(repair: LedgerRepair, source: BlockSource, ports: MendPorts): Promise<boolean> {
  const from = repair.replacedFrom
  const fetched = await fetchCommitted(from, repair.requiredLastIndex, source, ports)
  if (fetched === undefined) return false
  await repair.replaceCommitted(fetched.entries)
  ports.logger.info({ nodes: fetched.nodes, from, to: repair.requiredLastIndex }, `repaired from node ${fetched.nodes.join(', ')}`)
  return true
}

/** Entries `from` to `to` as a majority of voters has committed them; undefined when they have not come so far, or nobody serves them. */
export async function fetchCommitted(from: number, to: number, source: BlockSource, { room, rules, logger, check = checkOffered }: MendPorts): Promise<{ readonly entries: readonly Entry[]; readonly nodes: readonly number[] } | undefined> {
  const entries: Entry[] = []
  const nodes = new Set<number>()
  while (from + entries.length <= to) {
    const next = from + entries.length
    const places = await agreedPlaces(next, to, source, rules, room.signal)
    if (places.length === 0) return undefined
    const before = entries.length
    for (const node of source.nodes) {
      try {
        for await (const offered of source.entries(node, from + entries.length, next + places.length - 1, room.signal)) {
          const { entry } = check(offered, rules)
          const place = places[entry.index - next]
          if (place === undefined || !samePlace(place, placeOf(entry))) throw refused(entry.index, 'it is the one a majority has committed', entry.hash)
          entries.push(entry)
          nodes.add(node)
        }
      } catch (error) {
        if (room.signal.aborted || !(error instanceof SteleError)) throw error
        logger.warn({ node, code: error.code, details: error.details }, 'a member does not serve committed entries')
      }
      if (from + entries.length === next + places.length) break
    }
    if (entries.length === before) return undefined
  }
  return { entries, nodes: [...nodes] }
}

/** Entries fetched from the cluster may be of a later term than this node has seen: it must never vote below them. */
export async function raiseTerm(ledger: Ledger): Promise<void> {
  const lastTerm = ledger.term(ledger.lastIndex()) ?? 0
  const { term, commit } = ledger.hardState()
  if (lastTerm > term) await ledger.append({ hardState: { term: lastTerm, vote: 0, commit } })
}
