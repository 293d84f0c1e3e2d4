import { parentPort } from 'node:worker_threads'
import { unpackItems } from './verify-packing.ts'
import { verify } from '../primitives/signature.ts'

/** Checks packed batches of signatures off the event loop; answers one verdict byte per signature, in order. */
parentPort!.on('message', ({ id, packed }: { id: number; packed: Uint8Array }) => {
  const items = unpackItems(packed)
  const verdicts = new Uint8Array(items.length)
  for (let i = 0; i < items.length; i++) verdicts[i] = verify(items[i]!.publicKey, items[i]!.message, items[i]!.signature) ? 1 : 0
  parentPort!.postMessage({ id, verdicts }, [verdicts.buffer])
})
