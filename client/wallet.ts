import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, u32Bytes, utf8Bytes } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { createTagDictionary, type TagDictionary, type TagMeaning } from '../privacy/tags.ts'
import { keysFromSeeds, type Account, type AccountKeys } from './account.ts'
import { clientError } from './errors.ts'
import { webRandom } from './platform.ts'

/** Lengths in bytes, and the most relations one wallet file holds. */
export const WALLET_LIMITS = { seedBytes: 32, tagKeyBytes: 32, relationsMax: 1024, meaningsMax: 100_000 } as const

/** What a wallet knows about one custodian relation. */
export interface Relation {
  readonly index: number
  /** Number of the member institution on the other side. */
  readonly member: number
  /** The pseudonymous account of this relation, once the institution has enrolled it. */
  readonly account?: Uint8Array
  /** Opens the tags of this relation. Random, shared with the custodian only; undefined once erased, and after a restore from a backup. */
  readonly tagKey?: Uint8Array
}

/**
 * A person's keys. One seed gives every relation its own keys, so that no two institutions see a common one (DESIGN §5.12); the tag keys are random
 * and never derived, so that destroying one erases what its tags mean, whoever still has the seed.
 */
export interface Wallet {
  readonly chain: Uint8Array
  readonly relations: readonly Relation[]
  /** The keys of relation `index`, whether or not it has been added; the same for the same seed, chain and index. */
  keys(index: number): AccountKeys
  /** Begins the relation with a member: next index, fresh tag key unless the member gave one. */
  addRelation(member: number, tagKey?: Uint8Array): Relation
  /** Records the account that the institution has enrolled for relation `index`. */
  setAccount(index: number, account: Uint8Array): void
  /** The signing account of relation `index`. Throws `CLIENT_WALLET_INVALID` while it has none. */
  account(index: number): Account
  /** The dictionary of relation `index`; it remembers meanings as they are used. Throws `CLIENT_WALLET_INVALID` without a tag key. */
  tags(index: number): TagDictionary
  /** Forgets the tag key and the meanings of relation `index` for good. */
  eraseTagKey(index: number): void
  /** The seed, for `wallet-file.ts` only. */
  exportSeed(): Uint8Array
}

/** What a wallet can be restored from besides its seed. */
export interface RelationState extends Relation {
  readonly meanings?: readonly TagMeaning[]
}

/** A wallet of a 32-byte `seed` for one chain. Throws `CLIENT_WALLET_INVALID`. */
export function createWallet(options: { readonly seed: Uint8Array; readonly chain: Uint8Array; readonly relations?: readonly RelationState[] }, random: Random = webRandom): Wallet {
  return new SeedWallet(options.seed, options.chain, options.relations ?? [], random)
}

class SeedWallet implements Wallet {
  readonly chain: Uint8Array
  readonly #seed: Uint8Array
  readonly #random: Random
  readonly #relations: Relation[]
  readonly #dictionaries = new Map<number, TagDictionary>()

  constructor(seed: Uint8Array, chain: Uint8Array, relations: readonly RelationState[], random: Random) {
    checkLength('seed', seed, WALLET_LIMITS.seedBytes)
    checkLength('chain', chain, 32)
    if (relations.some(({ index }, at) => index !== at)) throw invalid('relations', 'must be numbered 0, 1, … in order')
    this.chain = chain
    this.#seed = seed
    this.#random = random
    this.#relations = relations.map(({ meanings: _, ...relation }) => relation)
    for (const { index, tagKey, meanings } of relations) {
      if (tagKey === undefined) continue
      checkLength(`relations[${index}].tagKey`, tagKey, WALLET_LIMITS.tagKeyBytes)
      this.#dictionaries.set(index, createTagDictionary(tagKey, meanings))
    }
  }

  get relations(): readonly Relation[] { return this.#relations }

  keys(index: number): AccountKeys {
    return keysFromSeeds(this.#derive('sign', index), this.#derive('seal', index))
  }

  addRelation(member: number, tagKey: Uint8Array = this.#random.bytes(WALLET_LIMITS.tagKeyBytes)): Relation {
    checkLength('tagKey', tagKey, WALLET_LIMITS.tagKeyBytes)
    if (this.#relations.length >= WALLET_LIMITS.relationsMax) throw invalid('relations', `must be at most ${WALLET_LIMITS.relationsMax}`)
    const relation: Relation = { index: this.#relations.length, member, tagKey }
    this.#relations.push(relation)
    this.#dictionaries.set(relation.index, createTagDictionary(tagKey))
    return relation
  }

  setAccount(index: number, account: Uint8Array): void {
    checkLength('account', account, 32)
    this.#relations[index] = { ...this.#relation(index), account }
  }

  account(index: number): Account {
    const { account } = this.#relation(index)
    if (account === undefined) throw invalid(`relations[${index}].account`, 'is not enrolled yet')
    return { id: account, ...this.keys(index) }
  }

  tags(index: number): TagDictionary {
    const dictionary = this.#dictionaries.get(this.#relation(index).index)
    if (dictionary === undefined) throw invalid(`relations[${index}].tagKey`, 'is missing: erased, or restored from a backup')
    return dictionary
  }

  eraseTagKey(index: number): void {
    const { tagKey, ...rest } = this.#relation(index)
    tagKey?.fill(0)
    this.#relations[index] = rest
    this.#dictionaries.delete(index)
  }

  exportSeed(): Uint8Array { return this.#seed.slice() }

  #relation(index: number): Relation {
    const relation = this.#relations[index]
    if (relation === undefined) throw invalid(`relations[${index}]`, 'does not exist')
    return relation
  }

  /** HKDF-SHA256 (RFC 5869): seed as key material, chain id as salt, purpose and index as info. Another chain gives unrelated keys. */
  #derive(purpose: 'sign' | 'seal', index: number): Uint8Array {
    return hkdf(sha256, this.#seed, this.chain, concatBytes(utf8Bytes(`stele/wallet/v1/${purpose}`), u32Bytes(index)), 32)
  }
}

function checkLength(field: string, value: Uint8Array, length: number): void {
  if (value.length !== length) throw invalid(field, `must be ${length} bytes`)
}

function invalid(field: string, rule: string): Error {
  return clientError('CLIENT_WALLET_INVALID', { details: { field, rule } })
}
