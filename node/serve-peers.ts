import type { Logger } from '../primitives/ports.ts'
import { serveDigests } from './diagnose.ts'
import type { NodeParts } from './node-parts.ts'
import { serveSnapshots } from './snapshot-server.ts'
import { serveBlocks } from './sync-blocks.ts'

/** Answers the other nodes from now on: transactions, evidence, blocks, snapshots, digests; and tells each one that connects where this node stands. */
export function servePeers({ network, relay, evidence, lines, presence, finality, watch, world, ledger, store, driver, maker, snapshots }: NodeParts, logger: Logger): void {
  network.gossip.subscribe('tx', (_from, data) => relay.receive(data))
  network.gossip.subscribe('alert', (from, data) => Promise.resolve(evidence.receive(from, data)))
  network.sync.handle('transactions', async (from, data) => {
    await relay.take(from, data)
    return new Uint8Array(0)
  })
  lines.onPeerChange((node, connected) => presence.changed(node, connected))
  lines.onConnected(() => {
    presence.tell()
    const last = finality.repeat()
    if (last !== undefined) lines.broadcastAttestation(last)
    evidence.repeat()
    watch.connected()
  })
  serveDigests(network.sync, world)
  serveBlocks({ sync: network.sync, ledger, store, finalityOfChange: (height) => maker.finalityOfChange(height), committedIndex: () => driver.status.committedIndex })
  serveSnapshots(network.sync, snapshots, logger)
}
