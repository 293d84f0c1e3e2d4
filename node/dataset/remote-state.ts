import { setTimeout as sleep } from 'node:timers/promises'
import { getStateProof } from '../../client/actions/get-state-proof.ts'
import { getStateProofs } from '../../client/actions/get-state-proofs.ts'
import type { Client } from '../../client/create-client.ts'
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
  /** For what another institution may have written a moment ago, and this node does not have yet: reads again, for three seconds at most, until there is something. */
  soon<T>(run: (reader: Reader) => T | undefined): Promise<T | undefined>
}

const ATTEMPTS = 30
const ATTEMPT_MS = 100

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
  const read = async <T>(run: (reader: Reader) => T): Promise<T> => {
    for (;;) {
      try {
        return run(reader)
      } catch (error) {
        if (!(error instanceof Missing)) throw error
        await fetch(error.key)
      }
    }
  }
  return {
    read,
    soon: async (run) => {
      for (let attempt = 1; ; attempt++) {
        const found = await read(run)
        if (found !== undefined || attempt >= ATTEMPTS) return found
        for (const [key, value] of known) if (value === undefined) known.delete(key)
        await sleep(ATTEMPT_MS)
      }
    },
    prefetch: async (keys) => {
      const unknown = new Map<string, Uint8Array>()
      for (const key of keys) if (!known.has(toHex(key))) unknown.set(toHex(key), key)
      await getStateProofs(client, [...unknown.values()], (key, value) => { known.set(toHex(key), value) })
    },
  }
}
