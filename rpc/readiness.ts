import type { HealthOptions } from './options.ts'
import type { NodeReadings } from './ports.ts'

/** One line of a probe: `[+]leader ok (node 2)`, or `[-]leader no leader known`. */
export interface Check { readonly name: string; readonly ok: boolean; readonly text: string }

/** Everything that must hold before the node should get traffic. The order is that of the verbose answer. */
export function readinessChecks(readings: NodeReadings, options: HealthOptions): Check[] {
  const { mode, modeReason, leader, voters, votersReachable, writeQuorum, certificateQuorum, commitIndex, appliedIndex, finalityLagMs, storage, syncing, keysAhead = false, refusedBy = [] } = readings
  const check = (name: string, ok: boolean, good: string, bad: string): Check => ({ name, ok, text: ok ? good : bad })
  const reachable = `${votersReachable} of ${voters} voters reachable`
  const lag = commitIndex - appliedIndex
  return [
    check('mode', mode === 'normal', 'normal', modeReason ?? MODE_TEXT[mode]),
    check('keys', !keysAhead, 'as the ledger names them', 'NODE_KEYS_AHEAD: the ledger here names other keys for this node, it has no vote'),
    check('standing', refusedBy.length === 0, 'not refused', `NODE_REFUSED: nodes ${refusedBy.join(', ')} refuse its votes and acknowledgements, since it came back with less than it had`),
    check('leader', leader !== null, `node ${String(leader)}`, 'no leader known'),
    check('quorum-writes', votersReachable >= writeQuorum, reachable, `${reachable}, ${writeQuorum} needed to commit`),
    check('quorum-finality', votersReachable >= certificateQuorum, reachable, `${reachable}, ${certificateQuorum} needed for certificates`),
    check('lag', lag <= options.lagMax && !syncing, `${lag} entries`, syncing ? `catching up, ${lag} entries behind` : `${lag} entries behind, ${options.lagMax} allowed`),
    check('finality', finalityLagMs <= options.finalityLagMsMax, `${finalityLagMs} ms`, `blocks without certificate for ${finalityLagMs} ms`),
    check('storage', storage.ok && storage.freeBytes >= options.freeBytesMin, `${mebibytes(storage.freeBytes)} MiB free`, storage.ok ? `only ${mebibytes(storage.freeBytes)} MiB free` : 'the last write failed'),
  ]
}

const MODE_TEXT: Readonly<Record<NodeReadings['mode'], string>> = {
  normal: 'normal', starting: 'starting', repair: 'repair: damaged ledger, the node does not vote', fenced: 'fenced: another state root than the majority', stopping: 'shutting down',
}
const mebibytes = (bytes: number): number => Math.floor(bytes / (1024 * 1024))
