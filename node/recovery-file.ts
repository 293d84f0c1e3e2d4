import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { array, encode, fixedBytes, fromJson, struct, toJson, u32 } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { sha256 } from '../primitives/hash.ts'
import { MEMBER_SET_VOTERS_MAX } from '../primitives/member-set.ts'
import { recoveryStatement, signedRecovery } from '../primitives/recovery.ts'
import type { SignedRecovery } from '../primitives/recovery.ts'
import { syncFolder } from '../state/snapshot-folder.ts'

const FORMAT = 'stele-recovery'

/**
 * The governance keys of all who may sign, as the proposer's ledger has them: so that a wrong key or number is noticed where it is signed, offline. Nothing is judged by it.
 * Absent in files of older programs, and in what a node keeps.
 */
const recoverySigners = array(struct({ member: u32, governanceKey: fixedBytes(32) }), { max: MEMBER_SET_VOTERS_MAX })
export type RecoverySigners = Infer<typeof recoverySigners>

/** Text of a recovery statement with its signatures. Public. */
export function recoveryText(recovery: SignedRecovery, signers?: RecoverySigners): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, recovery: toJson(signedRecovery, recovery), ...(signers !== undefined && { signers: toJson(recoverySigners, signers) }) }, null, 2)}\n`
}

/** Reads a statement strictly; what it says is judged by `verifyRecovery`. `RECOVERY_UNREADABLE`. */
export function readRecoveryFile(path: string): SignedRecovery {
  return readUnsigned(path).recovery
}

/** The same with who may sign it, when the file says so. */
export function readUnsigned(path: string): { readonly recovery: SignedRecovery; readonly signers?: RecoverySigners } {
  try {
    const { format, version, recovery, signers } = JSON.parse(readFileSync(path, 'utf8')) as { readonly format?: unknown; readonly version?: unknown; readonly recovery?: unknown; readonly signers?: unknown }
    if (format === FORMAT && version === 1) return { recovery: fromJson(signedRecovery, recovery as never), ...(signers !== undefined && { signers: fromJson(recoverySigners, signers as never) }) }
  } catch (cause) {
    if (cause instanceof SteleError) throw new SteleError({ code: 'RECOVERY_UNREADABLE', message: 'the file is no recovery statement', details: { file: path, ...cause.details }, cause })
    throw new SteleError({ code: 'RECOVERY_UNREADABLE', message: 'the file is no recovery statement', details: { file: path, reason: errorCode(cause) ?? 'not JSON' }, cause })
  }
  throw new SteleError({ code: 'RECOVERY_UNREADABLE', message: 'the file is no recovery statement', details: { file: path, reason: 'another format or version' } })
}

const pathOf = (dataDir: string, epoch: number): string => join(dataDir, `recovery-${epoch}.json`)

/** The statement that opens `epoch` on this node; undefined when it was given none. */
export function openedRecovery(dataDir: string, epoch: number): SignedRecovery | undefined {
  try {
    return readRecoveryFile(pathOf(dataDir, epoch))
  } catch (error) {
    if (error instanceof SteleError && error.details['reason'] === 'ENOENT') return undefined
    throw error
  }
}

/** Refuses a key that is not the member's: its signature would make the whole statement void. Throws `RECOVERY_SIGNATURE_INVALID`. */
export function mustBeSigner(signers: RecoverySigners | undefined, member: number, governanceKey: Uint8Array): void {
  if (signers === undefined) return
  const found = signers.find((each) => each.member === member)
  const refuse = (message: string): SteleError => new SteleError({ code: 'RECOVERY_SIGNATURE_INVALID', message, details: { member } })
  if (found === undefined) throw refuse('no voting member has this number; nothing was signed')
  if (!equalBytes(found.governanceKey, governanceKey)) throw refuse('the keystore holds another key than the governance key of this member; nothing was signed')
}

/**
 * Keeps a verified statement in a data folder, durably, so that the node opens the epoch with it. One statement per epoch: another one is a rival, kept as evidence beside it,
 * and opens nothing, also when both are given at the same time. Throws `RECOVERY_RIVAL`.
 */
export async function keepRecovery(dataDir: string, recovery: SignedRecovery): Promise<void> {
  const { epoch } = recovery.statement.set
  if (openedRecovery(dataDir, epoch) === undefined && await writeDurably(pathOf(dataDir, epoch), recoveryText(recovery))) return
  const known = openedRecovery(dataDir, epoch)!
  if (equalBytes(encode(recoveryStatement, known.statement), encode(recoveryStatement, recovery.statement))) return
  await writeDurably(`${pathOf(dataDir, epoch)}.rival-${toHex(sha256(encode(recoveryStatement, recovery.statement))).slice(0, 16)}`, recoveryText(recovery))
  throw new SteleError({ code: 'RECOVERY_RIVAL', message: 'another statement has opened this epoch here', details: { epoch, known: { height: Number(known.statement.height), block: toHex(known.statement.block) }, given: { height: Number(recovery.statement.height), block: toHex(recovery.statement.block) } } })
}

/** Writes a file that is there whole or not at all, and never takes the place of one that is there: false then. */
export async function writeDurably(path: string, text: string): Promise<boolean> {
  const temporary = `${path}.new-${randomUUID()}`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // A link, not a rename: it fails where a file is.
    await link(temporary, path)
    await syncFolder(dirname(path))
    return true
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    return false
  } finally {
    await rm(temporary)
  }
}
