import { equalBytes } from '../primitives/bytes.ts'
import { attestationContent } from '../primitives/certificate.ts'
import type { AttestationContent } from '../primitives/certificate.ts'
import { encode } from '../primitives/codec.ts'
import { sha256 } from '../primitives/hash.ts'

const DIGEST_BYTES = 32

/** What members may attest to at each height, as one digest a height: 32 bytes for a block, whatever its size. */
export class ContentDigests {
  #digests = new Uint8Array(1024 * DIGEST_BYTES)
  #known = new Uint8Array(1024)

  add(content: AttestationContent): void {
    const height = Number(content.height)
    while (height >= this.#known.length) this.#grow()
    this.#digests.set(sha256(encode(attestationContent, content)), height * DIGEST_BYTES)
    this.#known[height] = 1
  }

  /** Undefined when the block of that height was not read. */
  agrees(content: AttestationContent): boolean | undefined {
    const height = Number(content.height)
    if (this.#known[height] !== 1) return undefined
    return equalBytes(sha256(encode(attestationContent, content)), this.#digests.subarray(height * DIGEST_BYTES, (height + 1) * DIGEST_BYTES))
  }

  #grow(): void {
    const digests = new Uint8Array(2 * this.#digests.length)
    digests.set(this.#digests)
    const known = new Uint8Array(2 * this.#known.length)
    known.set(this.#known)
    this.#digests = digests
    this.#known = known
  }
}
