import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { equalBytes, fromHex, toHex } from '../primitives/bytes.ts'
import { certificateSchema, verifyCertificate } from '../primitives/certificate.ts'
import type { Certificate } from '../primitives/certificate.ts'
import { decode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { verifyRecovery } from '../primitives/recovery.ts'
import type { RecoveryStatement, SignedRecovery } from '../primitives/recovery.ts'
import { silentLogger } from '../primitives/ports.ts'
import { readerOf } from '../contracts/index.ts'
import { openDatabase } from '../state/database.ts'
import { openLedger } from '../state/ledger-open.ts'
import type { Ledger } from '../state/ledger.ts'
import { nodeFileSystem, nodeTimers } from '../state/node-file-system.ts'
import { openWorldState } from '../state/world-state.ts'
import type { ChainRules } from './chain-rules.ts'
import type { Config } from './config.ts'
import { headerRules } from './genesis-file.ts'
import { keepRecovery } from './recovery-file.ts'

/** What a stopped node holds, as far as a recovery looks at it. */
export interface Holding {
  readonly rules: ChainRules
  readonly ledger: Ledger
  /** The newest block that consensus had handed to this node, committed or not: a lost majority may have committed all of it. */
  readonly last: { readonly height: number; readonly block: Uint8Array }
  /** What is durably applied, so committed. */
  readonly applied: number
  readonly certificate: Certificate | undefined
  close(): Promise<void>
}

/** Opens the data of a node that does not run. Throws LEDGER_*, STATE_*; `LEDGER_LOCKED` while it runs. */
export async function openHolding(config: Pick<Config, 'dataDir'>, genesis: Genesis): Promise<Holding> {
  const rules = headerRules(genesis)
  const failed = (error: unknown): never => { throw error }
  const opened = await openLedger({ directory: join(config.dataDir, 'ledger'), chainId: rules.chain }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: { bytes: (length) => new Uint8Array(randomBytes(length)) }, failed, damaged: failed })
  if (!('ledger' in opened)) throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'the ledger is damaged; start the node so that it repairs itself, or use another node', details: {} })
  const { ledger } = opened
  try {
    const world = openWorldState(await openDatabase(join(config.dataDir, 'state')), { chain: rules.chain })
    rules.load(readerOf(world.view()))
    const applied = world.height
    await world.close()
    const height = ledger.lastHeight()
    const index = ledger.indexOfHeight(height)
    const hash = index === undefined ? undefined : ledger.entry(index)?.hash
    const stored = ledger.newestCertificate()
    return {
      rules, ledger, applied, last: { height, block: height === 0 ? rules.chain : hash! },
      certificate: stored === undefined ? undefined : decode(certificateSchema, stored.bytes), close: () => ledger.close(),
    }
  } catch (error) {
    await ledger.close()
    throw error
  }
}

/** Reads certificates that others exported, verifies each, and returns the highest height among them. Throws `RECOVERY_CERTIFICATE_UNREADABLE` and CERTIFICATE_*. */
export function importCertificates(paths: readonly string[], rules: ChainRules): number {
  return paths.reduce((highest, path) => {
    let certificate: Certificate
    try {
      const { certificate: hex } = JSON.parse(readFileSync(path, 'utf8')) as { readonly certificate?: unknown }
      certificate = decode(certificateSchema, fromHex(String(hex)))
    } catch (cause) {
      throw new SteleError({ code: 'RECOVERY_UNREADABLE', message: 'the file is no exported certificate', details: { file: path }, cause })
    }
    verifyCertificate(rules.chain, rules.membersAt(certificate.content.height), certificate)
    return Math.max(highest, Number(certificate.content.height))
  }, 0)
}

function below(what: string, height: number, seen: number): SteleError {
  return new SteleError({ code: 'RECOVERY_BELOW_FINAL', message: 'the statement would give up what is known to be committed or final', details: { what, height, seen } })
}

/** The statement by which the chain goes on from the newest block this node holds, with these members. Throws `RECOVERY_BELOW_FINAL` when a certificate above it was presented, and `RECOVERY_INVALID`. */
export function proposeRecovery({ rules, last, certificate }: Holding, members: readonly number[], presented: number): RecoveryStatement {
  const highest = Math.max(presented, Number(certificate?.content.height ?? 0n))
  if (highest > last.height) throw below('a certificate', last.height, highest)
  const voters = rules.members.voters.filter(({ member }) => members.includes(member))
  const unknown = members.find((member) => !voters.some((voter) => voter.member === member))
  if (unknown !== undefined || voters.length === 0) throw new SteleError({ code: 'RECOVERY_INVALID', message: 'the recovery statement is not valid', details: { rule: 'the new voters are voters of the epoch before, unchanged', member: unknown } })
  const height = BigInt(last.height)
  return { v: 1, chain: rules.chain, height, block: last.block, lostTo: height, set: { epoch: rules.members.epoch + 1, voters } }
}

/**
 * Makes this node open the epoch of the statement when it starts: verified here against the voters it knows; nothing that this node knows to be committed or final may lie above the
 * recovery height. Blocks above it, which nobody committed, are cut from the log. Throws RECOVERY_*.
 */
export async function openRecovery(config: Pick<Config, 'dataDir'>, { rules, ledger, last, applied, certificate }: Holding, recovery: SignedRecovery, presented: number): Promise<{ readonly cutFrom: number | undefined }> {
  const { statement } = recovery
  const height = Number(statement.height)
  verifyRecovery(rules.chain, rules.members, recovery)
  const highest = Math.max(presented, Number(certificate?.content.height ?? 0n))
  if (highest > height) throw below('a certificate', height, highest)
  if (applied > height) throw below('a committed block', height, applied)
  if ((ledger.lastAttestation()?.height ?? 0) > height) throw below('an attestation of this node', height, ledger.lastAttestation()!.height)
  const index = ledger.indexOfHeight(height)
  const held = height === 0 ? rules.chain : index === undefined ? undefined : ledger.entry(index)?.hash
  if (last.height >= height && (held === undefined || !equalBytes(held, statement.block))) {
    throw new SteleError({ code: 'RECOVERY_OTHER_BLOCK', message: 'this node holds another block at the recovery height', details: { height, named: toHex(statement.block), held: held === undefined ? 'none' : toHex(held) } })
  }
  await keepRecovery(config.dataDir, recovery)
  const above = ledger.indexOfHeight(height + 1)
  if (above !== undefined) await ledger.append({ truncateFrom: above })
  return { cutFrom: above === undefined ? undefined : height + 1 }
}
