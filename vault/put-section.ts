import { equalBytes } from '../primitives/bytes.ts'
import { invariant } from '../primitives/assert.ts'
import type { EncryptedSection, SectionEncryption } from '../privacy/encrypt-section.ts'
import type { BlobStore } from './ports.ts'

/** Encrypts a section straight into a vault, chunk by chunk; complete and on disk when this returns. A failure on either side leaves nothing behind. */
export async function putSection(store: BlobStore, encryption: SectionEncryption): Promise<EncryptedSection> {
  const stage = await store.stage()
  try {
    for await (const chunk of encryption.chunks) await stage.append(chunk)
    const section = encryption.result()
    const { blob } = await stage.finish()
    invariant(equalBytes(blob, section.blob), 'writer and vault name a blob differently')
    return section
  } finally {
    await stage.abort()
  }
}
