import { maybeFromHex, toHex } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { TAG_KINDS, type TagKind, type TagMeaning } from '../privacy/tags.ts'
import { clientError } from './errors.ts'
import { webRandom } from './platform.ts'
import { createWallet, WALLET_LIMITS, type RelationState, type Wallet } from './wallet.ts'

/** The JSON form of a wallet. It holds secrets in clear: whoever writes it to a disk encrypts it first. Bytes are lower-case hex. */
export interface WalletFile {
  readonly v: 1
  readonly chain: string
  readonly seed: string
  readonly relations: readonly {
    readonly index: number
    readonly member: number
    readonly account?: string
    readonly tagKey?: string
    readonly meanings?: readonly { readonly kind: string; readonly system: string; readonly value: string }[]
  }[]
}

/** The working file: everything. It belongs in the erasable store, not in backups. */
export function exportWallet(wallet: Wallet): WalletFile {
  return toFile(wallet, true)
}

/** The backup: keys and accounts, no tag key. A restored wallet signs, reads and revokes; it cannot name what tags mean (DESIGN §5.12). */
export function exportBackup(wallet: Wallet): WalletFile {
  return toFile(wallet, false)
}

/** Reads either form. Strict: throws `CLIENT_WALLET_INVALID` naming the member and the rule. */
export function importWallet(json: unknown, random: Random = webRandom): Wallet {
  const file = members('', json, ['v', 'chain', 'seed', 'relations'])
  if (file['v'] !== 1) throw invalid('v', 'must be 1')
  const relations = list('relations', file['relations'], WALLET_LIMITS.relationsMax).map(readRelation)
  return createWallet({ seed: hex('seed', file['seed'], WALLET_LIMITS.seedBytes), chain: hex('chain', file['chain'], 32), relations }, random)
}

function toFile(wallet: Wallet, withTagKeys: boolean): WalletFile {
  const relations = wallet.relations.map(({ index, member, account, tagKey }) => ({
    index, member,
    ...(account && { account: toHex(account) }),
    ...(tagKey && withTagKeys && { tagKey: toHex(tagKey), meanings: wallet.tags(index).meanings() }),
  }))
  return { v: 1, chain: toHex(wallet.chain), seed: toHex(wallet.exportSeed()), relations }
}

function readRelation(json: unknown, at: number): RelationState {
  const path = `relations[${at}]`
  const { index, member, account, tagKey, meanings } = members(path, json, ['index', 'member', 'account', 'tagKey', 'meanings'])
  if (index !== at) throw invalid(`${path}.index`, `must be ${at}`)
  if (typeof member !== 'number' || !Number.isInteger(member) || member < 1 || member > 0xffffffff) throw invalid(`${path}.member`, 'must be a member number from 1')
  return {
    index, member,
    ...(account !== undefined && { account: hex(`${path}.account`, account, 32) }),
    ...(tagKey !== undefined && { tagKey: hex(`${path}.tagKey`, tagKey, WALLET_LIMITS.tagKeyBytes) }),
    ...(meanings !== undefined && { meanings: list(`${path}.meanings`, meanings, WALLET_LIMITS.meaningsMax).map((item, i) => readMeaning(`${path}.meanings[${i}]`, item)) }),
  }
}

function readMeaning(path: string, json: unknown): TagMeaning {
  const { kind, system, value } = members(path, json, ['kind', 'system', 'value'])
  if (typeof system !== 'string' || typeof value !== 'string') throw invalid(path, 'system and value must be text')
  if (!(TAG_KINDS as readonly unknown[]).includes(kind)) throw invalid(`${path}.kind`, `must be one of ${TAG_KINDS.join(', ')}`)
  return { kind: kind as TagKind, system, value }
}

function members(path: string, json: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(path === '' ? '(root)' : path, 'must be an object')
  const stranger = Object.keys(json).find((name) => !known.includes(name))
  if (stranger !== undefined) throw invalid(path === '' ? stranger.slice(0, 64) : `${path}.${stranger.slice(0, 64)}`, 'is not a member of a wallet file')
  return json as Readonly<Record<string, unknown>>
}

function list(path: string, json: unknown, max: number): readonly unknown[] {
  if (!Array.isArray(json) || json.length > max) throw invalid(path, `must be a list of at most ${max}`)
  return json
}

function hex(path: string, json: unknown, length: number): Uint8Array {
  const value = typeof json === 'string' ? maybeFromHex(json) : undefined
  if (value?.length !== length) throw invalid(path, `must be ${length} bytes in lower-case hex`)
  return value
}

function invalid(field: string, rule: string): Error {
  return clientError('CLIENT_WALLET_INVALID', { details: { field, rule } })
}
