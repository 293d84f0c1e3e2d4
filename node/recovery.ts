import { equalBytes, toHex } from '../primitives/bytes.ts'
import { certificateSchema } from '../primitives/certificate.ts'
import type { Certificate } from '../primitives/certificate.ts'
import { decode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { verifyRecovery } from '../primitives/recovery.ts'
import type { RecoveryStatement, SignedRecovery } from '../primitives/recovery.ts'
import { readerOf } from '../contracts/index.ts'
import type { Ledger } from '../state/ledger.ts'
import type { ChainRules } from './chain-rules.ts'
import type { Config } from './config.ts'
import { headerRules } from './genesis-file.ts'
import { openOffline } from './offline-stores.ts'
import { forgetPromises } from './presence.ts'
import { keepRecovery } from './recovery-file.ts'
import { aheadOf, mustAgree } from './recovery-import.ts'
import type { LogEnd, Presented } from './recovery-import.ts'

/** What a stopped node holds, as far as a recovery looks at it. */
export interface Holding {
  readonly rules: ChainRules
  readonly ledger: Ledger
  /** The newest block that consensus had handed to this node, committed or not, and the term its log ends with: a lost majority may have committed all of it. */
  readonly last: LogEnd
  /** What is durably applied, so committed. */
  readonly applied: number
  readonly certificate: Certificate | undefined
  close(): Promise<void>
}

/** Opens the data of a node that does not run. Throws LEDGER_*, STATE_*; `LEDGER_LOCKED` while it runs, `LEDGER_MISSING` or `STATE_MISSING` rather than taking nothing for an empty chain. */
export async function openHolding(config: Pick<Config, 'dataDir'>, genesis: Genesis): Promise<Holding> {
  const rules = headerRules(genesis)
  const { ledger, world, close } = await openOffline(config.dataDir, rules.chain)
  try {
    rules.load(readerOf(world.view()))
    const applied = world.height
    const height = ledger.lastHeight()
    const index = ledger.indexOfHeight(height)
    const hash = index === undefined ? undefined : ledger.entry(index)?.hash
    const stored = ledger.newestCertificate()
    return {
      rules, ledger, applied, last: { height, block: height === 0 ? rules.chain : hash!, term: ledger.term(ledger.lastIndex()) ?? 0 },
      certificate: stored === undefined ? undefined : decode(certificateSchema, stored.bytes), close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function below(what: string, height: number, seen: number): SteleError {
  return new SteleError({ code: 'RECOVERY_BELOW_FINAL', message: 'the statement would give up what is known to be committed or final', details: { what, height, seen } })
}

function highestOf(own: Certificate | undefined, { certificates }: Presented): number {
  return Math.max(Number(own?.content.height ?? 0n), ...certificates.map(({ content }) => Number(content.height)))
}

/**
 * The statement by which the chain goes on from the newest block this node holds, with these members. `giveUp`: knowingly, although another survivor's log is more up to date; what stands there
 * is named as lost. Throws `RECOVERY_BELOW_FINAL` when a certificate above it was presented, `RECOVERY_NOT_NEWEST`, `RECOVERY_OTHER_BLOCK` and `RECOVERY_INVALID`.
 */
export function proposeRecovery(held: Holding, members: readonly number[], presented: Presented, giveUp = false): RecoveryStatement {
  const { rules, last, certificate } = held
  mustAgree(held, presented)
  const highest = highestOf(certificate, presented)
  if (highest > last.height) throw below('a certificate', last.height, highest)
  const ahead = aheadOf(last, presented)
  if (ahead.length > 0 && !giveUp) throw new SteleError({ code: 'RECOVERY_NOT_NEWEST', message: 'another survivor holds a newer log: what a majority committed may stand there alone', details: { height: last.height, term: last.term, newer: ahead.map(({ node, height, term }) => ({ node, height, term })) } })
  const voters = rules.members.voters.filter(({ member }) => members.includes(member))
  const unknown = members.find((member) => !voters.some((voter) => voter.member === member))
  if (unknown !== undefined || voters.length === 0) throw new SteleError({ code: 'RECOVERY_INVALID', message: 'the recovery statement is not valid', details: { rule: 'the new voters are voters of the epoch before, unchanged', member: unknown } })
  const height = BigInt(last.height)
  return { v: 1, chain: rules.chain, height, block: last.block, lostTo: BigInt(Math.max(last.height, ...ahead.map((log) => log.height))), set: { epoch: rules.members.epoch + 1, voters } }
}

/**
 * Makes this node open the epoch of the statement when it starts: verified here against the voters it knows; nothing that this node knows to be committed or final may lie above the
 * recovery height. Blocks above it are cut from the log when the presented logs show that the proposer's was the newer one, or the statement names them as lost. Throws RECOVERY_*.
 */
export async function openRecovery(config: Pick<Config, 'dataDir'>, held: Holding, recovery: SignedRecovery, presented: Presented): Promise<{ readonly cutFrom: number | undefined }> {
  const { rules, ledger, last, applied, certificate } = held
  const { statement } = recovery
  const height = Number(statement.height)
  mustAgree(held, presented)
  verifyRecovery(rules.chain, rules.members, recovery)
  const highest = highestOf(certificate, presented)
  if (highest > height) throw below('a certificate', height, highest)
  if (applied > height) throw below('a committed block', height, applied)
  if ((ledger.lastAttestation()?.height ?? 0) > height) throw below('an attestation of this node', height, ledger.lastAttestation()!.height)
  const index = ledger.indexOfHeight(height)
  const own = height === 0 ? rules.chain : index === undefined ? undefined : ledger.entry(index)?.hash
  if (last.height >= height && (own === undefined || !equalBytes(own, statement.block))) {
    throw new SteleError({ code: 'RECOVERY_OTHER_BLOCK', message: 'this node holds another block at the recovery height', details: { height, named: toHex(statement.block), held: own === undefined ? 'none' : toHex(own) } })
  }
  if (last.height > height && Number(statement.lostTo) < last.height && !aheadOf(last, presented).some((log) => log.height === height && equalBytes(log.block, statement.block))) {
    throw new SteleError({ code: 'RECOVERY_NOT_NEWEST', message: 'this node holds blocks above the recovery height, and no presented log that ends there is newer', details: { height, held: last.height, term: last.term } })
  }
  await keepRecovery(config.dataDir, recovery)
  forgetPromises(config.dataDir)
  const above = ledger.indexOfHeight(height + 1)
  if (above !== undefined) await ledger.append({ truncateFrom: above })
  return { cutFrom: above === undefined ? undefined : height + 1 }
}
