import { equalBytes } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import { createSigner } from '../primitives/signature.ts'
import { readGovernance, readNode } from '../contracts/index.ts'
import type { Reader } from '../contracts/index.ts'
import type { NodeKeys } from './keys.ts'

/**
 * What a state makes of the keys this node runs with. `named`: they are the node's. `absent`: it does not name the node, which joins. `ahead`: it names others; a vote that
 * this state has not come to may have given it these.
 */
export type KeyStanding = 'named' | 'absent' | 'ahead'

/**
 * The public keys this node runs with, held against the committed state. A change of keys reaches the others before it reaches the node itself, so a node that is started with
 * keys its own state does not name is let in by those who know them, follows, and speaks for itself only once its own state has come so far.
 */
export class OwnKeys {
  readonly #node: number
  readonly #transport: Uint8Array
  readonly #attestation: Uint8Array
  #standing: KeyStanding = 'absent'

  constructor(node: number, keys: NodeKeys) {
    this.#node = node
    this.#transport = createSigner(keys.transport).publicKey
    this.#attestation = createSigner(keys.attestation).publicKey
  }

  /** By the newest committed state that was looked at. */
  get standing(): KeyStanding { return this.#standing }

  /**
   * Looks at the state the node starts from. `joins`: it was given a file of peers, so it may be one that the state has not come to. `formerly`: attestation keys this node had
   * as a voter. Throws `NODE_REMOVED`, `NODE_UNKNOWN`, and `NODE_KEYS_MISMATCH` for keys that can never be its own: those of another node, or its own of before.
   */
  admit(reader: Reader, { joins, formerly }: { readonly joins: boolean; readonly formerly: readonly Uint8Array[] }): KeyStanding {
    const { nextNode } = readGovernance(reader)
    if (readNode(reader, this.#node) === undefined) {
      if (this.#node < nextNode) throw new SteleError({ code: 'NODE_REMOVED', message: 'this node was removed by a vote of the members; a node that comes back takes a new number', details: { node: this.#node } })
      if (!joins) throw new SteleError({ code: 'NODE_UNKNOWN', message: 'neither genesis nor the ledger names a node with this id; correct `node` in the configuration', details: { node: this.#node } })
    }
    this.#standing = this.#standingIn(reader)
    if (this.#standing !== 'ahead') return this.#standing
    for (let other = 1; other < nextNode; other++) {
      const found = other === this.#node ? undefined : readNode(reader, other)
      if (found !== undefined && [found.transportKey, found.attestationKey].some((key) => this.#has(key))) throw this.#mismatch('the keystore holds the keys of another node', { of: other })
    }
    if (formerly.some((key) => equalBytes(key, this.#attestation))) throw this.#mismatch('the keystore holds keys that this node had before the members gave it others')
    return 'ahead'
  }

  /** Moves on with the committed state. `gained`: from now on it names these keys; `lost`: it names others from now on. */
  follow(reader: Reader): 'gained' | 'lost' | undefined {
    const before = this.#standing
    this.#standing = this.#standingIn(reader)
    if (before === this.#standing) return undefined
    if (this.#standing === 'named') return 'gained'
    return before === 'named' && this.#standing === 'ahead' ? 'lost' : undefined
  }

  /** Whether a block or a statement signed with these keys counts as this voter's. */
  speaksIn({ voters }: MemberSet): boolean {
    return voters.some(({ node, attestationKey }) => node === this.#node && equalBytes(attestationKey, this.#attestation))
  }

  /** False while the set names this node with other keys: it would sign what nobody accepts. */
  mayLeadIn({ voters }: MemberSet): boolean {
    return voters.every(({ node, attestationKey }) => node !== this.#node || equalBytes(attestationKey, this.#attestation))
  }

  #standingIn(reader: Reader): KeyStanding {
    const found = readNode(reader, this.#node)
    if (found === undefined) return 'absent'
    return equalBytes(found.transportKey, this.#transport) && equalBytes(found.attestationKey, this.#attestation) ? 'named' : 'ahead'
  }

  #has(key: Uint8Array): boolean {
    return equalBytes(key, this.#transport) || equalBytes(key, this.#attestation)
  }

  #mismatch(message: string, details: Readonly<Record<string, unknown>> = {}): SteleError {
    return new SteleError({ code: 'NODE_KEYS_MISMATCH', message, details: { node: this.#node, ...details } })
  }
}
