import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { createSigner } from '../primitives/signature.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import { createTransaction, signatureItems } from '../primitives/transaction.ts'
import { packItems } from '../node/verify-packing.ts'
import { random, validUntil } from './transactions.ts'

const BATCH = 256

/**
 * Signatures of transactions that all cores together verify in a second, in the batches and by the worker of the nodes, with nothing else to do.
 * Divided by the number of nodes that share the machine it is the most that they could ever commit: each checks every signature itself.
 */
export async function verificationsPerSecond(seconds: number): Promise<number> {
  const packed = packItems(signatures())
  const workers = Array.from({ length: availableParallelism() }, () => new Worker(new URL('../node/verify-worker.ts', import.meta.url), { execArgv: [] }))
  try {
    await Promise.all(workers.map((worker) => verifyBatch(worker, packed)))
    const started = performance.now()
    const counts = await Promise.all(workers.map(async (worker) => {
      let count = 0
      for (; performance.now() - started < seconds * 1000; count += BATCH) await verifyBatch(worker, packed)
      return count
    }))
    return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - started) / 1000)
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function signatures(): SignatureItem[] {
  const signer = createSigner(random(32))
  const chain = random(32)
  return Array.from({ length: BATCH }, () => signatureItems(createTransaction({ chain, account: random(32), contract: 'identity', call: 'enroll', args: random(100), validUntil: validUntil(), salt: random(16) }, signer))[0]!)
}

/** Throws when a good signature is refused: then the figure would mean nothing. */
function verifyBatch(worker: Worker, packed: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', ({ verdicts }: { verdicts: Uint8Array }) => {
      if (verdicts.every((verdict) => verdict === 1)) resolve()
      else reject(new Error('a good signature was refused'))
    })
    worker.postMessage({ id: 0, packed })
  })
}
