import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { NodeParts } from './node-parts.ts'
import { decodePresence } from './presence.ts'
import type { RaftLinesHandlers } from './raft-lines.ts'

type HeardParts = Pick<NodeParts, 'presence' | 'finality' | 'votes' | 'clocks' | 'lines'>

/** Where the words of other nodes that are not Raft's own go; a node that says what no sound one says is told of to the network. */
export function lineHandlers(parts: () => HeardParts, failed: (error: unknown) => void, logger: Logger): RaftLinesHandlers {
  return {
    logger,
    onAttestation(from, bytes) {
      const { finality, lines } = parts()
      finality.receive(bytes).then((verdict) => {
        if (verdict !== 'reject') return
        logger.warn({ from }, 'attestation rejected')
        lines.reject(from, 'attestation')
      }, failed)
    },
    onVote(from, bytes) {
      const { votes, lines } = parts()
      if (votes.receive(from, bytes) === 'reject') lines.reject(from, 'vote')
    },
    onClock: (from, timeMs) => parts().clocks.heard(from, timeMs),
    onPresence(from, bytes) {
      const { presence, lines } = parts()
      try {
        presence.heard(from, decodePresence(bytes))
      } catch (error) {
        if (!(error instanceof SteleError)) throw error
        lines.blame(from)
      }
    },
    isRefused: (from) => parts().presence.refused(from) !== undefined,
  }
}
