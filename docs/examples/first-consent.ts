// Enrols a patient at the first institution of a development network, lets the patient grant a consent, and verifies the receipt offline.
// Arguments: URL of a node, folder of the network (./node/stele dev --data DIR).
import { readFileSync } from 'node:fs'
import { chainFromGenesis, createClient, createWallet, enrolAccount, formatReceiptReport, grantConsent, http, institutionAccount, verifyReceipt } from '../../client/index.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { readKeys } from '../../node/keys.ts'

const [url = 'http://127.0.0.1:8500', folder = 'net'] = process.argv.slice(2)
const genesis = readGenesis(`${folder}/genesis.json`) // the one thing you must trust: take it from a source you know
const chain = chainFromGenesis(genesis)
const transport = http(url)

// The institution signs with its operator key.
const { name, member } = genesis.members[0]!
const operator = await readKeys(`${folder}/${name}/operator.json`, 'operator', readFileSync(`${folder}/${name}/passphrase`, 'utf8').trim())
const hospital = createClient({ transport, chain, account: institutionAccount(chain.id, member, operator.sign, operator.seal) })

// The patient's keys are made on the patient's device; the institution sees the public ones only.
const wallet = createWallet({ seed: crypto.getRandomValues(new Uint8Array(32)), chain: chain.id })
wallet.addRelation(member)
wallet.setAccount(0, (await enrolAccount(hospital, { kind: 'patient', keys: wallet.keys(0) })).account)

// Only the patient's own key can write this.
const patient = createClient({ transport, chain, account: wallet.account(0) })
const { receipt } = await grantConsent(patient, { grantee: { member }, types: ['Observation'], purposes: ['TREAT'], days: 30 }, wallet.tags(0))

console.log(formatReceiptReport(verifyReceipt(receipt.bundle!, { genesis })))
await transport.close()
