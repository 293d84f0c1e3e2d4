import { institutionAccount } from '../client/account.ts'
import { chainFromGenesis } from '../client/chain.ts'
import { createClient } from '../client/create-client.ts'
import type { Client } from '../client/create-client.ts'
import { fallback } from '../client/transports/fallback.ts'
import { http } from '../client/transports/http.ts'
import { CustodianDoorClient } from './custodian-door-client.ts'
import type { CustodianConfig } from './custodian-config.ts'
import { readGenesis } from './genesis-file.ts'
import { readKeys } from './keys.ts'

/** An institution's desk: signs with the operator key and hands data keys to the custodian. */
export interface Institution {
  readonly member: number
  readonly client: Client
  readonly door: CustodianDoorClient
  close(): Promise<void>
}

/**
 * Opens an institution's side of things from the configuration file of its custodian. `others`: URLs of further nodes, which take its transactions
 * when its own node is down. Throws CONFIG_*, KEYSTORE_*, GENESIS_*.
 */
export async function openInstitution(config: CustodianConfig, passphrase: string, others: readonly string[] = []): Promise<Institution> {
  const chain = chainFromGenesis(readGenesis(config.genesis))
  const operator = await readKeys(config.operator, 'operator', passphrase)
  const transport = fallback([config.rpc, ...others.filter((url) => url !== config.rpc)].map((url) => http(url)))
  const client = createClient({ transport, chain, account: institutionAccount(chain.id, config.member, operator.sign, operator.seal) })
  const door = new CustodianDoorClient({ socket: config.socket })
  return {
    member: config.member, client, door,
    async close() {
      door.close()
      await transport.close()
    },
  }
}
