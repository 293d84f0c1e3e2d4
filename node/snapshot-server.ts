import { array, bytes, decode, encode, fixedBytes, struct, u32, u64 } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import { PROOF_BYTES_MAX } from './snapshot-proof.ts'

/** Methods of the sync protocol by which snapshots travel. */
export const SNAPSHOT_METHODS = { offers: 'snapshot-offers', manifest: 'snapshot-manifest', chunk: 'snapshot-chunk' } as const

/** Snapshots that a node can serve: finished and proved final. Newest last. */
export const offersSchema = struct({ offers: array(struct({ height: u64, id: fixedBytes(32), bytes: u64 }), { max: 64 }) })
export const manifestAnswer = struct({ manifest: bytes({ max: 32 * 1024 * 1024 }), proof: bytes({ max: PROOF_BYTES_MAX }) })
export const heightQuery = struct({ height: u64 })
export const chunkQuery = struct({ height: u64, chunk: u32 })

/** Serves the snapshots of `folder` to other members. A snapshot that was deleted meanwhile is `SNAPSHOT_NOT_FOUND`. A part that rots is not served, which is told once for each snapshot. */
export function serveSnapshots(sync: Pick<SyncProtocol, 'handle'>, folder: SnapshotFolder, logger: Logger): void {
  const damaged = new Set<number>()
  const manifests = new Map<number, ReadManifest>()
  const manifestOf = async (height: number): Promise<ReadManifest> => {
    const known = manifests.get(height)
    if (known !== undefined) return known
    const read = await folder.manifest(height)
    // A few at a time: one is asked for over and over while its parts are fetched.
    if (manifests.size >= 4) manifests.delete(manifests.keys().next().value!)
    manifests.set(height, read)
    return read
  }
  sync.handle(SNAPSHOT_METHODS.offers, async () => {
    const offers = []
    for (const height of (await folder.heights()).slice(-64)) {
      if (await folder.proof(height) === undefined) continue
      const { id, manifest } = await manifestOf(height)
      offers.push({ height: BigInt(height), id, bytes: BigInt(manifest.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)) })
    }
    return encode(offersSchema, { offers })
  })
  sync.handle(SNAPSHOT_METHODS.manifest, async (_from, body) => {
    const height = Number(decode(heightQuery, body).height)
    const [read, proof] = [await manifestOf(height), await folder.proof(height)]
    if (proof === undefined) throw new SteleError({ code: 'SNAPSHOT_NOT_CERTIFIED', message: 'nothing proves yet that the snapshot\'s block is final', details: { height }, retryable: true })
    return encode(manifestAnswer, { manifest: read.bytes, proof })
  })
  sync.handle(SNAPSHOT_METHODS.chunk, async (_from, body) => {
    const { height, chunk } = decode(chunkQuery, body)
    const entry = (await manifestOf(Number(height))).manifest.chunks[chunk]
    if (entry === undefined) throw new SteleError({ code: 'SNAPSHOT_NOT_FOUND', message: 'there is no such part', details: { height: Number(height), chunk } })
    return folder.chunk(Number(height), chunk, entry).catch((error: unknown) => {
      if (errorCode(error) === 'SNAPSHOT_CHUNK_CORRUPT' && !damaged.has(Number(height))) {
        damaged.add(Number(height))
        logger.error({ code: 'SNAPSHOT_CHUNK_CORRUPT', height: Number(height), chunk, path: folder.of(Number(height)) }, 'a part of a snapshot kept here is damaged and is not served; look at the disk')
      }
      throw error
    })
  })
}
