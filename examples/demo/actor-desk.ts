import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { certifyAttribute, enrolAccount, sendAndWait } from '../../client/actions/index.ts'
import type { FhirResource } from '../../interop/fhir/bundle.ts'
import { loadCustodianConfig } from '../../node/custodian-config.ts'
import { openInstitution } from '../../node/institution.ts'
import { importResources } from '../../node/record-import.ts'
import type { Attribute } from '../../primitives/calls/attributes.ts'
import type { CallArgs } from '../../primitives/calls/index.ts'
import { encode } from '../../primitives/codec.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { createTagDictionary } from '../../privacy/tags.ts'
import { keysFromSeeds } from '../../client/account.ts'
import { serveActor } from './actor-main.ts'
import type { Card } from './actor-person.ts'

type Kind = CallArgs<'identity', 'enroll'>['kind']
export interface ImportInput { readonly subject: Uint8Array; readonly resources: readonly FhirResource[]; readonly source: string }

const [, configPath, ...urls] = process.argv.slice(2) as [string, string, ...string[]]
const config = loadCustodianConfig(configPath)
const { client, door, member } = await openInstitution(config, readFileSync(config.passphraseFile!, 'utf8').trim(), urls)

serveActor({
  enrol: async ({ kind, card }: { kind: Kind; card: Card }) => {
    const receipt = await sendAndWait(client, { contract: 'identity', call: 'enroll', args: { kind, signKey: ed25519KeyId(card.signKey), sealKey: card.sealKey } })
    const account = receipt.id
    if (kind === 'patient') await door.keepRelation(account, card.tagKey)
    return { account, bundle: receipt.bundle === undefined ? new Uint8Array(0) : encode(receiptBundle, receipt.bundle) }
  },
  /** Hospitals and practitioners belong to no patient: their entries hang on a subject of the institution's own, whose keys are drawn and forgotten. */
  enrolDirectory: async () => {
    const keys = keysFromSeeds(new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32)))
    const { account } = await enrolAccount(client, { kind: 'patient', keys })
    await door.keepRelation(account, new Uint8Array(randomBytes(32)))
    return { account }
  },
  certify: async ({ account, attributes, untilMs }: { account: Uint8Array; attributes: [Attribute, string][]; untilMs: number }) => {
    await Promise.all(attributes.map(([attribute, value]) => certifyAttribute(client, { account, attribute, value, untilMs })))
  },
  import: async ({ subject, resources, source }: ImportInput, progress: (done: number) => void) => {
    const tags = createTagDictionary((await door.tagKey(subject))!)
    let done = 0
    await importResources({ client, keyStore: door }, { subject, tags, custodian: member, resources, source: { system: 'urn:stele:importer', value: source } }, () => progress(++done))
    return { done }
  },
})
