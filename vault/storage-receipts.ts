import { toHex } from '../primitives/bytes.ts'
import { storageReceiptBytes } from '../primitives/calls/records.ts'
import { SteleError } from '../primitives/error.ts'
import { verify } from '../primitives/signature.ts'
import type { Signer } from '../primitives/signature.ts'
import type { BlobRef } from '../privacy/blob.ts'
import type { BlobStore, VaultNode } from './ports.ts'

/** One node's signed word that it keeps every blob of a record version, whole and on disk. */
export interface StorageReceipt { readonly node: number; readonly member: number; readonly signature: Uint8Array }

/** Signs storage receipts for this node, and only for what it keeps. */
export class StorageReceipts {
  readonly #chain: Uint8Array
  readonly #store: BlobStore
  readonly #signer: Signer

  /** `signer` holds the node's attestation key. */
  constructor(options: { readonly chain: Uint8Array }, { store, signer }: { readonly store: BlobStore; readonly signer: Signer }) {
    this.#chain = options.chain
    this.#store = store
    this.#signer = signer
  }

  /**
   * Signature over one record version's blobs, in the order of its sections. A complete blob was verified chunk by chunk and synced before it
   * became complete. `VAULT_NOT_FOUND` or `VAULT_INCOMPLETE` when one is not there whole, `VAULT_DAMAGED`, `VAULT_INPUT_INVALID` for a wrong size.
   */
  async sign(record: Uint8Array, version: number, blobs: readonly BlobRef[]): Promise<Uint8Array> {
    for (const { blob, size } of blobs) {
      const found = await this.#store.stat(blob)
      const details = { blob: toHex(blob) }
      if (found === undefined) throw new SteleError({ code: 'VAULT_NOT_FOUND', message: 'this vault has no such blob', details })
      if (!found.complete) throw new SteleError({ code: 'VAULT_INCOMPLETE', message: 'the blob is not complete here', details })
      if (found.damaged.length > 0) throw new SteleError({ code: 'VAULT_DAMAGED', message: 'the blob is damaged here', details: { ...details, index: found.damaged[0] } })
      if (found.size !== size) throw new SteleError({ code: 'VAULT_INPUT_INVALID', message: 'the blob has another size', details: { ...details, size: found.size } })
    }
    return this.#signer.sign(storageReceiptBytes(this.#chain, record, version, blobs))
  }

  /** Whether `signature` is that node's receipt for these blobs. */
  isValid({ attestationKey }: VaultNode, record: Uint8Array, version: number, blobs: readonly BlobRef[], signature: Uint8Array): boolean {
    return verify(attestationKey, storageReceiptBytes(this.#chain, record, version, blobs), signature)
  }
}
