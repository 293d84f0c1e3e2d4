import { toHex } from '../primitives/bytes.ts'
import type { AttestationContent, Certificate } from '../primitives/certificate.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { Network } from '../p2p/network.ts'
import type { Ledger } from '../state/ledger.ts'
import type { Contradictions } from './contradictions.ts'
import { firstDifference } from './diagnose.ts'
import type { FirstDifference } from './diagnose.ts'
import type { EvidenceStore } from './evidence.ts'
import type { Executor } from './executor.ts'
import { findParting } from './parting.ts'
import type { PartingPorts } from './parting.ts'
import { BlockSource, signedHeaderAt } from './sync-blocks.ts'
import { Witness } from './witness.ts'
import type { RefusedBlock } from './witness.ts'

/** How long a node that has left consensus asks others where it differs, in ms. It serves nothing meanwhile, so that nothing but the name in the report waits for a slow answer. */
const ASKING_MS = 30_000

export interface OddOneOutPorts extends Pick<PartingPorts, 'chain' | 'finalHeight' | 'recent'> {
  readonly ledger: Ledger
  readonly executor: Executor
  readonly network: Network
  readonly evidence: EvidenceStore
  readonly contradictions: Contradictions
  /** Where this node differs from what the cluster has certified. */
  readonly standAside: (error: SteleError) => void
  /** At once, before it is known in what it differs: nothing more is voted, acknowledged, attested or served. */
  readonly halt: (reason: string) => void
  readonly failed: (error: unknown) => void
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** A witness that, where this node is the one that differs, finds out in what and takes it out of consensus. */
export function createWitness(ports: OddOneOutPorts): Witness {
  const { ledger, network, evidence, contradictions, failed, signal, logger } = ports
  return new Witness({
    evidence, contradictions, source: new BlockSource(network.sync, []), headerAt: (height) => signedHeaderAt(ledger, height), signal, logger,
    onRefusedCertified: (refused, certificate) => { explainRefusal(refused, certificate, ports).catch(failed) },
    onDiverged: (own, certificate) => { explainFork(own, certificate, ports).catch(failed) },
  })
}

/** The others have certified what this node refused: it names where it differs, and takes no part any more. */
async function explainRefusal({ height, code, data }: RefusedBlock, certificate: Certificate, { executor, network, standAside, signal, logger }: OddOneOutPorts): Promise<void> {
  const attesters = certificate.signatures.map(({ node }) => node)
  const writes = executor.trace(data)
  let difference: FirstDifference | undefined
  for (const node of writes === undefined ? [] : attesters) {
    try {
      difference = await firstDifference(writes!, node, network.sync, signal)
      break
    } catch (error) {
      // One that cannot be reached, or answers nonsense: the next one is asked.
      if (!(error instanceof SteleError)) throw error
      logger.warn({ code: error.code, node, height }, 'a member could not tell where this node differs')
    }
  }
  standAside(new SteleError({ code: 'BLOCK_CERTIFIED_ELSEWHERE', message: 'the cluster has certified a block that this node refuses', details: { height, refusedFor: code, attestedBy: attesters, ...difference } }))
}

/** The others have certified another block than the one committed here: the node stops serving, then names the first block, transaction and key that differ. */
async function explainFork(own: AttestationContent, certificate: Certificate, ports: OddOneOutPorts): Promise<void> {
  const { network, ledger, evidence, halt, standAside, signal, logger } = ports
  const certified = Number(own.height)
  halt(`NODE_DIVERGED: height ${certified} is certified otherwise; where this node's ledger parts from it is being found out`)
  const { headers, ...parting } = await findParting({ ...ports, ledger, sync: network.sync }, certificate, AbortSignal.any([signal, AbortSignal.timeout(ASKING_MS)])).catch((error: unknown) => {
    // The names are for people; that the node stays out does not wait for them.
    logger.error({ error }, 'it could not be found out where this node differs')
    return undefined
  }) ?? {}
  if (signal.aborted) return // The node stops; it finds out again when it starts.
  // The store takes it only when one leader signed both in one term.
  if (headers !== undefined) evidence.keep({ kind: 'header', value: headers })
  const details = { height: certified, certifiedHeight: certified, ours: toHex(own.block), certified: toHex(certificate.content.block), attestedBy: certificate.signatures.map(({ node }) => node), ...parting }
  standAside(new SteleError({ code: 'NODE_DIVERGED', message: 'the cluster has certified another block than the one this node committed', details }))
}
