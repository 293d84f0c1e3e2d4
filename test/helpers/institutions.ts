import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Account } from '../../client/account.ts'
import { enrolAccount } from '../../client/actions/index.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import type { Chain } from '../../client/chain.ts'
import { createClient } from '../../client/create-client.ts'
import type { Client } from '../../client/create-client.ts'
import { fallback } from '../../client/transports/fallback.ts'
import { http } from '../../client/transports/http.ts'
import type { Wallet } from '../../client/wallet.ts'
import { resourceToRecord } from '../../interop/fhir/record.ts'
import type { FhirResource } from '../../interop/fhir/bundle.ts'
import { startChild } from '../../node/children.ts'
import type { Child } from '../../node/children.ts'
import { loadCustodianConfig } from '../../node/custodian-config.ts'
import { openMasterKey } from '../../node/custodian-keys.ts'
import { startDevNetwork } from '../../node/dev-network.ts'
import type { DevNode } from '../../node/dev-network.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { openInstitution } from '../../node/institution.ts'
import type { Institution } from '../../node/institution.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { readKeys } from '../../node/keys.ts'
import { PASSPHRASE_VARIABLE } from '../../node/passphrase.ts'
import { storeRecord } from '../../node/record-import.ts'

/** A network of real processes whose every secret the test knows, so that it can look for them. */
export class Institutions {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'stele-leaks-'))
  readonly desks: Institution[] = []
  readonly custodians: Child[] = []
  /** What each secret is → its bytes. */
  readonly secrets = new Map<string, Uint8Array>()
  nodes: readonly DevNode[] = []
  #chain: Chain | undefined

  get chain(): Chain {
    this.#chain ??= chainFromGenesis(readGenesis(join(this.folder, 'genesis.json')))
    return this.#chain
  }

  /** Four nodes, and custodians of the first two; that of the second gets its passphrase through the environment. All are stopped when the test ends. */
  async start(t: Test): Promise<void> {
    t.teardown(async () => { await this.stop(); rmSync(this.folder, { recursive: true, force: true }) })
    const network = await startDevNetwork({ nodes: 4, directory: this.folder })
    this.nodes = network.nodes
    for (const node of this.nodes) this.desks.push(await this.#open(node))
    this.custodians.push(...(await Promise.all([this.#startCustodian(this.nodes[0]!), this.#startCustodian(this.nodes[1]!, 'environment')])))
  }

  /** Ends every process that was started. Safe to call twice. */
  async stop(): Promise<void> {
    await Promise.all(this.desks.splice(0).map((desk) => desk.close()))
    await Promise.all(this.custodians.map((child) => child.stop()))
    await Promise.all(this.nodes.map(({ child }) => child.stop()))
  }

  desk(member: number): Institution { return this.desks[member - 1]! }

  /** A client that asks the institution's own node first. */
  client(account: Account, member = 1): Client {
    const urls = this.nodes.map(({ rpc }) => rpc)
    const own = urls[member - 1]!
    return createClient({ transport: fallback([own, ...urls.filter((url) => url !== own)].map((url) => http(url))), chain: this.chain, account })
  }

  /** The wallet's next relation, enrolled as a patient at `member`. Gives its index. */
  async enrolPatient(wallet: Wallet, member: number): Promise<number> {
    const { index, tagKey } = wallet.addRelation(member)
    const { account } = await enrolAccount(this.desk(member).client, { kind: 'patient', keys: wallet.keys(index) })
    wallet.setAccount(index, account)
    this.secrets.set(`tag key of relation ${this.secrets.size}`, tagKey!)
    await this.desk(member).door.keepRelation(account, tagKey!)
    return index
  }

  /** Stores one resource as a record of the relation; gives its id. */
  async store(wallet: Wallet, index: number, resource: FhirResource): Promise<Uint8Array> {
    const { member } = wallet.relations[index]!
    const { client, door } = this.desk(member)
    const keyStore: Pick<typeof door, 'keep'> = {
      keep: (entry) => {
        entry.keys.forEach(({ key, salt }, section) => {
          this.secrets.set(`key of section ${section} of a record (${this.secrets.size})`, key).set(`salt of section ${section} of a record (${this.secrets.size})`, salt)
        })
        return door.keep(entry)
      },
    }
    const described = resourceToRecord(resource, { source: { system: 'urn:stele:importer', value: 'test' }, importedAtMs: Date.now() })
    const { record } = await storeRecord({ client, keyStore }, { subject: wallet.account(index).id, tags: wallet.tags(index), custodians: [member], ...described })
    return record
  }

  async #open({ name, folder }: DevNode): Promise<Institution> {
    const passphrase = passphraseOf(folder)
    this.secrets.set(`passphrase of ${name}`, Buffer.from(passphrase))
    for (const kind of ['governance', 'operator', 'node'] as const) {
      for (const [use, seed] of Object.entries(await readKeys(join(folder, `${kind}.json`), kind, passphrase))) this.secrets.set(`${kind} ${use} seed of ${name}`, seed as Uint8Array)
    }
    const others = this.nodes.map(({ rpc }) => rpc)
    return openInstitution(loadCustodianConfig(join(folder, 'custodian.yaml')), passphrase, others)
  }

  async #startCustodian({ name, folder }: DevNode, passphraseFrom: 'file' | 'environment' = 'file'): Promise<Child> {
    const config = join(folder, 'custodian.yaml')
    const { keystore } = loadCustodianConfig(config)
    const passphrase = passphraseOf(folder)
    this.secrets.set(`master key of the custodian of ${name}`, await openMasterKey(keystore, passphrase, KEYSTORE_TEST_COST))
    if (passphraseFrom === 'file') return startChild('custodian', ['custodian', '--config', config, '--json'], folder)
    const bare = join(folder, 'custodian-environment.yaml')
    writeFileSync(bare, readFileSync(config, 'utf8').replace(/^passphraseFile:.*\n/m, ''))
    return startChild('custodian', ['custodian', '--config', bare, '--json'], folder, { env: { [PASSPHRASE_VARIABLE]: passphrase } })
  }
}

export function passphraseOf(folder: string): string {
  return readFileSync(join(folder, 'passphrase'), 'utf8').trim()
}
