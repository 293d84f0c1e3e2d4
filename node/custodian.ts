import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { chainFromGenesis } from '../client/chain.ts'
import { createClient } from '../client/create-client.ts'
import type { Client } from '../client/create-client.ts'
import { institutionAccount } from '../client/account.ts'
import { followMembers } from '../client/actions/follow-members.ts'
import { http } from '../client/transports/http.ts'
import type { Transport } from '../client/transports/transport.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { takeLock } from '../state/ledger-lock.ts'
import type { CustodianConfig } from './custodian-config.ts'
import { CustodianCursor } from './custodian-cursor.ts'
import { CustodianDoor } from './custodian-door.ts'
import { CustodianFollower } from './custodian-follower.ts'
import { CustodianKeys } from './custodian-keys.ts'
import type { ReleaseNode } from './custodian-release.ts'
import type { OperatorKeys } from './keys.ts'

/** Time for one call to the node, beyond the waiting that the call itself asks for; ms. */
const CALL_MS = 10_000

export interface CustodianSettings {
  readonly config: CustodianConfig
  readonly genesis: Genesis
  readonly operator: OperatorKeys
  readonly masterKey: Uint8Array
}

/**
 * The key-holding process of one institution: keeps data keys, follows final permits, releases each key only after the quorum check of DESIGN §5.13.
 * It trusts genesis and its own clock; its node is believed only where proofs and signed heads do not reach.
 */
export class Custodian {
  readonly #settings: CustodianSettings
  readonly #logger: Logger
  readonly #keys: CustodianKeys
  readonly #door: CustodianDoor
  readonly #follower: CustodianFollower
  readonly #transport: Transport
  #unlock: (() => Promise<void>) | undefined

  /** Throws `CUSTODIAN_NOT_OPERATOR` when the keys are not those of the member in genesis. */
  constructor(settings: CustodianSettings, { logger, transport = http(settings.config.rpc) }: { readonly logger: Logger; readonly transport?: Transport }) {
    const { config, genesis, operator, masterKey } = settings
    const chain = chainFromGenesis(genesis)
    const account = institutionAccount(chain.id, config.member, operator.sign)
    const entry = genesis.members.find(({ member }) => member === config.member)
    if (entry === undefined || !equalBytes(entry.operatorKey, account.signer.publicKey)) {
      throw new SteleError({ code: 'CUSTODIAN_NOT_OPERATOR', message: 'the operator key is not that of this member in genesis', details: { member: config.member } })
    }
    const client = createClient({ transport, chain, account })
    this.#settings = settings
    this.#logger = logger
    this.#transport = transport
    this.#keys = new CustodianKeys({ directory: config.dataDir }, masterKey)
    this.#door = new CustodianDoor({ socket: config.socket }, { keys: this.#keys, logger })
    this.#follower = new CustodianFollower({ waitMs: config.waitMs, retryMs: config.retryMs }, {
      chain, logger, followMembers: () => followMembers(client), cursor: new CustodianCursor(join(config.dataDir, 'cursor')),
      feed: (after, limit, waitMs, signal) => client.callSigned('access_permits', { afterHeight: after.height, afterPosition: after.position, limit, waitMs }, { signal, timeoutMs: waitMs + CALL_MS, retries: 0 }),
      release: { chain, node: releaseNode(client), keys: this.#keys.sections, random: { bytes: (length) => new Uint8Array(randomBytes(length)) }, nowMs: () => Date.now() },
    })
  }

  /** Resolves when the door is open and permits are followed; the node need not be up yet. `LEDGER_LOCKED` when another process uses the folder. */
  async start(): Promise<{ readonly socket: string }> {
    const { config } = this.#settings
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
    this.#unlock ??= await takeLock(join(config.dataDir, 'lock'))
    await this.#keys.start()
    await this.#door.start()
    await this.#follower.start()
    this.#logger.info({ rpc: config.rpc, socket: config.socket }, 'custodian ready')
    return { socket: config.socket }
  }

  async stop(): Promise<void> {
    await this.#door.stop()
    await this.#follower.stop()
    await this.#transport.close()
    await this.#unlock?.()
    this.#unlock = undefined
  }
}

function releaseNode(client: Client): ReleaseNode {
  return {
    releaseCheck: (request, nonce) => client.callSigned('access_releaseCheck', { request: toHex(request), nonce: toHex(nonce) }, { timeoutMs: CALL_MS, retries: 1 }),
    mailboxPut: async ({ request, section, sealed }) => {
      await client.callSigned('vault_mailbox_put', { request: toHex(request), section, kind: 'key', sealed: toHex(sealed) }, { timeoutMs: CALL_MS, retries: 1 })
    },
  }
}
