import { institutionAccount } from '../../client/account.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { createClient } from '../../client/create-client.ts'
import type { Client } from '../../client/create-client.ts'
import { sendAndWait } from '../../client/actions/index.ts'
import { fallback } from '../../client/transports/fallback.ts'
import { http } from '../../client/transports/http.ts'
import { errorCode } from '../../primitives/error.ts'
import type { Genesis } from '../../primitives/genesis.ts'
import { createSigner, ed25519KeyId } from '../../primitives/signature.ts'
import { randomBytes } from 'node:crypto'
import type { OperatorKeys } from '../../node/keys.ts'

export interface Confirmed { readonly id: Uint8Array; readonly height: number }

/** A client of member 1 at these nodes. */
export function clientOf(genesis: Genesis, member: number, operator: OperatorKeys, urls: readonly string[]): Client {
  const chain = chainFromGenesis(genesis)
  return createClient({ transport: fallback(urls.map((url) => http(url))), chain, account: institutionAccount(chain.id, member, operator.sign, operator.seal) })
}

/** Enrols one account and waits until the transaction is this far. */
export async function enrol(client: Client, until: 'committed' | 'final', waitMs = 30_000): Promise<Confirmed> {
  const args = { kind: 'service' as const, signKey: ed25519KeyId(createSigner(randomBytes(32)).publicKey), sealKey: new Uint8Array(randomBytes(32)) }
  return sendAndWait(client, { contract: 'identity', call: 'enroll', args }, { until, waitMs })
}

/** How long one write of the load may take, in ms. Meanwhile a leader is elected; who waits longer would miss what comes after a lost majority. */
const LOAD_WAIT_MS = 10_000

/** Steady writes by one member, in the background, one after the other; what a stage of the script does must not lose any. */
export class Load {
  readonly confirmed: Confirmed[] = []
  readonly failures: string[] = []
  #client: Client
  #running = true
  readonly #done: Promise<void>

  constructor(client: Client) {
    this.#client = client
    this.#done = this.#run()
  }

  /** Other nodes are asked from now on. */
  use(client: Client): void {
    this.#client = client
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async #run(): Promise<void> {
    while (this.#running) {
      try {
        this.confirmed.push(await enrol(this.#client, 'committed', LOAD_WAIT_MS))
      } catch (error) {
        this.failures.push(errorCode(error) ?? String(error))
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
