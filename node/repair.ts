import { toHex } from '../primitives/bytes.ts'
import { errorCode } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { OpenedLedger } from '../state/ledger-open.ts'
import type { Ledger } from '../state/ledger.ts'
import type { WorldState } from '../state/world-state.ts'
import type { ChainRules } from './chain-rules.ts'
import { fetchCommitted, openWholeLedger, raiseTerm } from './repair-ledger.ts'
import { agreedPlaces, placeOf, samePlace } from './repair-proof.ts'
import type { RepairRoom } from './repair-room.ts'
import { openSoundState } from './repair-state.ts'
import type { RefusedEntry, SoundState, StatePorts } from './repair-state.ts'

/** A disk that reads differently each time is no ground to start on. */
const DAMAGED_READS_MAX = 3

export interface StorePorts extends Omit<StatePorts, 'ledger' | 'createGround'> {
  readonly rules: ChainRules
  readonly room: RepairRoom
  readonly openLedger: () => Promise<OpenedLedger>
  readonly createGround: (ledger: Ledger, world: WorldState) => ReturnType<StatePorts['createGround']>
  readonly logger: Logger
}

/**
 * Opens ledger and state whole, through repair mode where needed (DESIGN §5.8): the ledger first, whose damage only other members mend; then the state,
 * which the ledger rebuilds; then blocks that no longer execute, which only what the cluster has committed may replace (DESIGN §5.6).
 * Throws LEDGER_*, STATE_*, and `NODE_STOPPING` when `room.signal` aborts; then nothing stays open.
 */
export async function openStores(stateDirectory: string, ports: StorePorts): Promise<SoundState & { readonly ledger: Ledger }> {
  const { room, rules, logger } = ports
  try {
    for (let damagedReads = 0; ;) {
      const ledger = await openWholeLedger({ open: ports.openLedger, room, rules, logger })
      try {
        const opened = await openSoundState(stateDirectory, { ...ports, ledger, createGround: (world) => ports.createGround(ledger, world) })
        if ('world' in opened) return { ledger, ...opened }
        await replaceRefused(ledger, opened.refused, ports)
      } catch (error) {
        await ledger.close()
        // Damage that came since the ledger was read at its opening: opening it again names it.
        if (errorCode(error) !== 'LEDGER_DAMAGED' || ++damagedReads > DAMAGED_READS_MAX) throw error
      }
      // Opened anew: what it recovered is not what it holds now.
      await ledger.close()
    }
  } catch (error) {
    // Whatever was under way when the node was stopped failed because of that.
    room.throwIfStopping()
    throw error
  } finally {
    await room.leave()
  }
}

/** Waits until a majority of voters has committed something else where the refused entry stands, as far as this node acknowledged, and takes that. */
async function replaceRefused(ledger: Ledger, { index, height, refused }: RefusedEntry, { room, rules, logger }: StorePorts): Promise<void> {
  const { ours, theirs } = refused.error.details
  logger.error({ code: refused.code, index, height, ours, theirs, details: refused.error.details }, 'a stored block no longer executes to its root, repair mode')
  const source = await room.enter(`repair: height ${height} does not execute: root ${String(ours ?? toHex(refused.root))}, signed ${String(theirs ?? 'unknown')}`)
  const own = placeOf(ledger.entry(index)!)
  for (let told = false; ; await room.wait()) {
    const [place] = await agreedPlaces(index, index, source, rules, room.signal)
    if (place === undefined) continue
    if (samePlace(place, own)) {
      if (!told) logger.error({ height, index, ours, theirs }, 'the cluster has committed this very block: this program computes another root than the others; start the version they run')
      told = true
      continue
    }
    const floor = ledger.lastIndex()
    const fetched = await fetchCommitted(index, floor, source, { room, rules, logger })
    if (fetched === undefined) continue
    await ledger.replaceFrom(index, floor, fetched.entries)
    await raiseTerm(ledger)
    logger.info({ index, height, nodes: fetched.nodes }, `repaired from node ${fetched.nodes.join(', ')}`)
    return
  }
}
