import { getStateProof } from '../../client/actions/get-state-proof.ts'
import type { Client } from '../../client/create-client.ts'
import { inParallel } from '../../client/parallel.ts'
import { readerOf } from '../../contracts/index.ts'
import type { Reader } from '../../contracts/index.ts'
import { toHex } from '../../primitives/bytes.ts'

/** A key that was read and is not here yet. */
class Missing extends Error {
  readonly key: Uint8Array

  constructor(key: Uint8Array) {
    super('a state key has to be fetched')
    this.key = key
  }
}

/** State of the chain, read through verified proofs: a node can withhold an answer, not invent one. */
export interface RemoteState {
  /** Fetches keys ahead, many at a time, so that `read` need not stop for each. */
  prefetch(keys: readonly Uint8Array[]): Promise<void>
  /** Runs a pure function over the state; fetches what it reads, one key after another, and runs it again. */
  read<T>(run: (reader: Reader) => T): Promise<T>
}

const AT_ONCE = 16

/** Each key is fetched once and stands at the newest final height of that moment. Throws CLIENT_*, PROOF_*, CERTIFICATE_*. */
export function remoteState(client: Client): RemoteState {
  const known = new Map<string, Uint8Array | undefined>()
  const fetch = async (key: Uint8Array): Promise<void> => {
    if (known.has(toHex(key))) return
    known.set(toHex(key), (await getStateProof(client, { key })).value)
  }
  const reader = readerOf({
    get: (key) => {
      if (!known.has(toHex(key))) throw new Missing(key)
      return known.get(toHex(key))
    },
  })
  return {
    prefetch: async (keys) => { await inParallel(keys, AT_ONCE, fetch) },
    read: async (run) => {
      for (;;) {
        try {
          return run(reader)
        } catch (error) {
          if (!(error instanceof Missing)) throw error
          await fetch(error.key)
        }
      }
    },
  }
}
