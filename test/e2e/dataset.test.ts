// Goal: a researcher asks, patients' consent decides, three institutions release together, a withdrawn patient is gone from the next release, and a forged one names its author.
// Method: four nodes as processes, command lines in four time zones and locales for everything the data set needs; patients send bare transactions, because a wallet file each would only take time, and so does a forger.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { sendRawTransaction, waitForReceipt } from '../../client/actions/index.ts'
import { getHead } from '../../client/actions/get-head.ts'
import { definitionOfForm } from '../../contracts/anonymization/definition-forms.ts'
import { figuresOf, makeDocument, readDocument } from '../../contracts/anonymization/document.ts'
import { releaseHash } from '../../contracts/anonymization/kernel/index.ts'
import type { Release } from '../../contracts/anonymization/kernel/index.ts'
import { computeRelease, rowsSchema, tableOfRows } from '../../contracts/anonymization/originals.ts'
import { definitionSchema } from '../../contracts/anonymization/release-format.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { fromJson } from '../../primitives/codec.ts'
import { createSigner } from '../../primitives/signature.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { loadCustodianConfig } from '../../node/custodian-config.ts'
import { startDevNetwork } from '../../node/dev-network.ts'
import { openInstitution } from '../../node/institution.ts'
import { readKeys } from '../../node/keys.ts'
import { callOf, enrolmentOf, institution } from '../helpers/calls.ts'
import type { Party } from '../helpers/calls.ts'
import { CommandLine } from '../helpers/command-lines.ts'
import type { Outcome } from '../helpers/command-lines.ts'

t.setTimeout(290_000)

const MEMBERS = [1, 2, 3]
/** Who checks, each somewhere else in the world. */
const PLACES = new Map([[1, { TZ: 'UTC', LC_ALL: 'C' }], [2, { TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8' }], [3, { TZ: 'America/St_Johns', LC_ALL: 'sv_SE.UTF-8' }], [4, { TZ: 'Asia/Kathmandu', LC_ALL: 'de_DE.UTF-8' }]])
const DISEASES = ['flu', 'asthma', 'diabetes']

t.test('asked, consented, released by three, withdrawn, forged', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'stele-ds-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const network = await startDevNetwork({ nodes: 4, directory })
  t.teardown(() => network.stop())
  const at = (name: string): string => join(directory, name)
  const configs = network.nodes.map(({ folder }) => join(folder, 'custodian.yaml'))
  const config = loadCustodianConfig(configs[0]!)
  const desk = await openInstitution(config, readFileSync(config.passphraseFile!, 'utf8').trim())
  t.teardown(() => desk.close())
  const chain = desk.client.chain.id
  const lines = [...PLACES.values()].map((env) => new CommandLine(directory, env))
  t.teardown(() => Promise.all(lines.map((line) => line.stop())))
  // The researcher sits at the first institution.
  const stele = (...args: string[]): Promise<Outcome> => lines[Math.max(0, configs.findIndex((path) => args.includes(path)))]!.run(...args)
  const json = async (...args: string[]): Promise<Record<string, never>> => {
    const { code, stdout, stderr } = await stele(...args, '--json')
    if (code !== 0 && code !== 4) throw new Error(`${args.slice(0, 2).join(' ')}: ${stdout} ${stderr}`)
    return JSON.parse(stdout) as Record<string, never>
  }
  const sent = async (transaction: Transaction): Promise<void> => {
    await sendRawTransaction(desk.client, transaction)
    await waitForReceipt(desk.client, transaction.id)
  }

  const operators = await Promise.all(configs.map(async (path, i) => {
    const its = loadCustodianConfig(path)
    const { sign } = await readKeys(its.operator, 'operator', readFileSync(its.passphraseFile!, 'utf8').trim())
    return institution(chain, MEMBERS[i]!, createSigner(sign))
  }))
  // Twelve patients, four at each institution; the last one consents to treatment alone.
  const patients = await Promise.all(Array.from({ length: 12 }, async (_, i): Promise<{ party: Party; member: number; consent: Uint8Array }> => {
    const member = MEMBERS[i % 3]!
    const { transaction, party } = enrolmentOf(chain, operators[member - 1]!, 'patient')
    await sent(transaction)
    const grant = callOf(chain, party, 'consent', 'grant', { seq: 1n, grantee: { kind: 'member', value: member }, from: 0n, until: BigInt(Date.now() + 86_400_000), requires: [], classes: [], confidentialityMax: 'N', purposes: [i === 11 ? 'TREAT' : 'HRESCH'], actions: ['export'] })
    await sent(grant)
    return { party, member, consent: grant.id }
  }))
  for (const member of MEMBERS) {
    const rows = patients.flatMap((patient, i) => (patient.member === member ? [[toHex(patient.party.account), `NHS-${i % 7}`, 20 + i * 3, i % 2 === 0 ? 'f' : 'm', DISEASES[i % 3]].join(',')] : []))
    writeFileSync(at(`${member}.csv`), ['account,nhs,age,sex,disease', ...rows, ''].join('\n'))
  }
  writeFileSync(at('all.csv'), ['nhs,age,sex,disease', ...Array.from({ length: 80 }, (_, age) => `${age},${age},${age % 2 === 0 ? 'f' : 'm'},flu`), ''].join('\n'))
  writeFileSync(at('values.csv'), ['age,sex,disease', ...Array.from({ length: 80 }, (_, age) => `${age},${age % 2 === 0 ? 'f' : 'm'},${DISEASES[age % 3]}`), ''].join('\n'))
  writeFileSync(at('visits.yaml'), 'version: 1\nattributes:\n  - { name: nhs, role: identifier, person: true }\n  - { name: age, role: quasi-identifier }\n  - { name: sex, role: quasi-identifier }\n  - { name: disease, role: sensitive }\npolicy: { k: 3 }\nalgorithm: { name: mondrian, mode: strict }\n')
  writeFileSync(at('pass'), 'correct horse battery staple', { mode: 0o600 })
  const wallet = ['--wallet', at('researcher.json'), '--passphrase-file', at('pass'), '--rpc', network.nodes[0]!.rpc, '--genesis', network.genesis]
  await json('wallet', 'new', ...wallet, '--member', '1', '--card', at('card'))
  const { account } = await json('identity', 'enrol', '--config', configs[0]!, '--kind', 'researcher', '--card', at('card'))
  await stele('wallet', 'enrolled', '--wallet', at('researcher.json'), '--passphrase-file', at('pass'), '--account', account!)

  const { dataset } = await json('dataset', 'define', '--config', configs[0]!, '--table', at('all.csv'), '--definition', at('visits.yaml'), '--purpose', 'HRESCH', '--recipient', '1', '--contributors', '3', '--budget', '81000000', '--out', at('dataset.json'))
  const ask = ['dataset', 'request', ...wallet, '--dataset-id', String(dataset)]
  t.match(await stele(...ask), { code: 1, stdout: /denied/ }, 'no certified role yet')
  await json('identity', 'certify', '--config', configs[0]!, '--account', account!, '--attribute', 'role', '--value', 'researcher')

  const rows = (name: string): string[] => MEMBERS.flatMap((member) => ['--rows', at(`${name}.${member}.rows.json`)])
  const define = async (name: string, table: string, ...more: string[]): Promise<string> => String((await json('dataset', 'define', '--config', configs[0]!, '--table', at(table), '--definition', at(`${name}.yaml`), '--purpose', 'HRESCH', '--recipient', '1', '--contributors', '3', '--out', at(`${name}.json`), ...more))['dataset'])
  interface Made { readonly id: string; readonly document: string; readonly csv: string; readonly name: string; readonly request: string }
  const round = async (name: string, author = 1, forge = (path: string) => path, set = { id: String(dataset), file: at('dataset.json') }): Promise<Made> => {
    const request = String((await json(...ask.slice(0, -1), set.id))['request'])
    const counts = await Promise.all(MEMBERS.map((member) => json('dataset', 'select', '--config', configs[member - 1]!, '--request', request, '--dataset', set.file, '--table', at(`${member}.csv`), '--out', at(`${name}.${member}.json`), '--rows-out', at(`${name}.${member}.rows.json`))))
    t.equal(counts.reduce((sum, { withoutConsent }) => sum + Number(withoutConsent), 0), name === 'second' ? 2 : 1, `${name}: whose consent does not carry it is left out`)
    const made = await json('dataset', 'release', '--config', configs[author - 1]!, '--dataset', set.file, ...MEMBERS.flatMap((member) => ['--selection', at(`${name}.${member}.json`)]), ...rows(name).map((part) => (part === at(`${name}.1.rows.json`) ? forge(part) : part)), '--out', at(`${name}.csv`), '--document', at(`${name}.document`))
    return { name, request, id: String(made['release']), document: at(`${name}.document`), csv: readFileSync(at(`${name}.csv`), 'utf8') }
  }
  const verify = (member: number, { id, document, name }: Omit<Made, 'csv' | 'request'>, ...more: string[]): Promise<Record<string, never>> => json('dataset', 'verify', id, '--config', configs[member - 1]!, '--document', document, ...rows(name), ...more)

  // Who sees rows: of a data set of mode coded only coarse ones leave their institution; of mode owner the author alone has them, and opens what another member's seed decides.
  writeFileSync(at('coarse.yaml'), readFileSync(at('visits.yaml'), 'utf8').replace('{ name: age, role: quasi-identifier }', '{ name: age, role: quasi-identifier, hierarchy: { intervals: [10, 40] } }'))
  writeFileSync(at('opened.yaml'), readFileSync(at('visits.yaml')))
  const coarse = await round('coarse', 1, undefined, { id: await define('coarse', 'all.csv', '--mode', 'coded', '--coded', 'age=1'), file: at('coarse.json') })
  const ages = MEMBERS.flatMap((member) => (JSON.parse(readFileSync(at(`coarse.${member}.rows.json`), 'utf8')) as { rows: { row: string[] }[] }).rows.map(({ row }) => row[1]!))
  t.equal(ages.length, 11)
  t.ok(ages.every((age) => /^[2-5]0\.\.[2-5]9$/.test(age)), `ages in tens: ${ages.join()}`)
  t.match(await verify(3, coarse), { verdict: 'sound' })
  const opened = await round('opened', 1, undefined, { id: await define('opened', 'all.csv', '--mode', 'owner', '--openings', '4'), file: at('opened.json') })
  const alone = ['dataset', 'verify', opened.id, '--config', configs[1]!, '--document', opened.document]
  t.match(await stele(...alone), { code: 1, stderr: /DATASET_EVIDENCE_ABSENT/ }, 'the document alone shows no row')
  await json('dataset', 'challenge', opened.id, '--config', configs[1]!)
  t.match(await json('dataset', 'open', opened.id, '--config', configs[0]!, '--member', '2', ...rows('opened'), '--out', at('openings.json')), { opened: 4, member: 2 })
  t.match(await json(...alone, '--openings', at('openings.json')), { verdict: 'sound' })

  const first = await round('first')
  t.equal(first.csv.trim().split('\r\n').length - 1, 11)
  for (const patient of patients) t.notOk(first.csv.includes(toHex(patient.party.account)))
  for (const member of MEMBERS) t.notOk(readFileSync(at(`first.${member}.rows.json`), 'utf8').includes('NHS-'), 'rows leave without names')
  const forged = readFileSync(first.document)
  forged[forged.length - 40]! ^= 1
  writeFileSync(at('forged.document'), forged)
  t.match(await verify(2, { ...first, document: at('forged.document') }), { verdict: 'document', attested: false })
  const outcomes = []
  for (const member of MEMBERS) outcomes.push((await verify(member, first, '--attest'))['outcome'])
  t.same(outcomes, [null, null, 'accepted'], 'more than two thirds of four are three')
  t.match(await verify(4, first), { verdict: 'sound' }, 'the fourth node, in a fourth time zone and locale, computes the same bytes')

  // Author 2 moves one row after everybody has committed, by another age: its own figures and policy still hold, the bytes do not.
  const forging = await round('tampered', 2, (path) => {
    const file = JSON.parse(readFileSync(path, 'utf8')) as { rows: { row: string[] }[] }
    file.rows[0]!.row[1] = Number(file.rows[0]!.row[1]) < 37 ? '53' : '20'
    writeFileSync(`${path}.forged`, JSON.stringify(file))
    return `${path}.forged`
  })
  t.match(await verify(1, forging, '--attest'), { verdict: 'rows', outcome: null })
  t.match(await verify(3, forging, '--attest'), { verdict: 'rows', outcome: 'refused', author: 2 }, 'two of four are enough to refuse, and the author is named')
  // What no command does: the author claims sizes of classes that its rows do not have, or a class of k − 1 as if it were one of k.
  const form = fromJson(definitionSchema, JSON.parse(readFileSync(at('dataset.json'), 'utf8')))
  const [definition, { selections }] = [definitionOfForm(form), readDocument(readFileSync(forging.document))]
  const table = tableOfRows(MEMBERS.map((member) => fromJson(rowsSchema, JSON.parse(readFileSync(at(`tampered.${member}.rows.json`), 'utf8')))))!
  const claim = async (release: Release, figures: Partial<ReturnType<typeof figuresOf>>): Promise<Record<string, never>[]> => {
    const { bytes, hash } = makeDocument({ request: fromHex(forging.request), definition, release, selections })
    writeFileSync(at('claimed.document'), bytes)
    const claimed = callOf(chain, operators[1]!, 'anonymization', 'release', { request: fromHex(forging.request), release: fromHex(releaseHash(release)), document: hash, readAtHeight: BigInt((await getHead(desk.client)).committed.height), figures: { ...figuresOf(release), ...figures } })
    await sent(claimed)
    const made = { name: 'tampered', id: toHex(claimed.id), document: at('claimed.document') }
    return [await verify(1, made, '--attest'), await verify(3, made, '--attest')]
  }
  const honest = computeRelease(table, definition).release
  const large = honest.classSizes.findIndex((size) => size > 3)
  t.match(await claim({ ...honest, classSizes: honest.classSizes.map((size, i) => size + (i === large ? -1 : i === (large === 0 ? 1 : 0) ? 1 : 0)) }, {}), [{ outcome: null }, { verdict: /^(?:figures|rows|policy)$/, outcome: 'refused', author: 2 }], 'one count changed')
  const small = computeRelease(table, { ...definition, policy: { ...definition.policy, k: 2 } }).release
  t.equal(small.metrics.smallestClass, 2)
  t.match(await claim(small, { classes: 3, smallestClass: 3, prosecutorPpm: 333_334 }), [{ outcome: null }, { verdict: 'policy', outcome: 'refused', author: 2 }], 'a class of k − 1')

  await sent(callOf(chain, patients[0]!.party, 'consent', 'revoke', { seq: 2n, consent: patients[0]!.consent }))
  const second = await round('second')
  t.equal(second.csv.trim().split('\r\n').length - 1, 10, 'who withdrew is gone')
  const held = await stele('dataset', 'verify', second.id, '--config', configs[2]!, '--document', second.document, ...rows('second'), '--attest')
  t.match(held, { code: 1, stderr: /DATASET_FILE_MISSING/ }, 'nobody attests before it is held against the first one')
  await Promise.all(MEMBERS.map((member) => json('dataset', 'overlap', second.id, '--config', configs[member - 1]!, '--document', second.document, '--document', first.document, '--selection', at(`first.${member}.json`), '--selection', at(`second.${member}.json`), '--table', at(`${member}.csv`), '--out', at(`overlap.${member}.json`))))
  const beside = ['--earlier', first.document, ...MEMBERS.flatMap((member) => ['--part', at(`overlap.${member}.json`)])]
  t.match(await json('dataset', 'compare', second.id, '--config', configs[0]!, '--document', second.document, ...beside), { compared: [{ common: 10, smallestLeft: 1 }], charged: 1_000_000 }, 'who left would be seen by subtraction: the budget pays')
  t.match(await verify(3, second, ...beside, '--attest'), { verdict: 'sound' })
  // Another data set of the same people, from which no row leaves its institution: three processes count together through the nodes' mailboxes.
  writeFileSync(at('joint.yaml'), 'version: 1\nattributes:\n  - { name: age, role: quasi-identifier, hierarchy: { intervals: [10, 40] } }\n  - { name: sex, role: quasi-identifier }\n  - { name: disease, role: sensitive }\npolicy: { k: 3 }\nalgorithm: { name: joint, siteFloor: 1 }\n')
  const other = await define('joint', 'values.csv', '--mode', 'joint')
  const { request } = await json('dataset', 'request', ...wallet, '--dataset-id', other)
  for (const member of MEMBERS) await json('dataset', 'select', '--config', configs[member - 1]!, '--request', String(request), '--dataset', at('joint.json'), '--table', at(`${member}.csv`), '--out', at(`joint.${member}.json`), '--rows-out', at(`joint.${member}.rows.json`))
  const made = await Promise.all(MEMBERS.map((member) => json('dataset', 'joint', '--config', configs[member - 1]!, '--dataset', at('joint.json'), '--rows', at(`joint.${member}.rows.json`), '--out', at(`joint.${member}.release`))))
  t.equal(new Set(made.map(({ hash }) => hash)).size, 1, 'three institutions, one release')
  t.match(made[0], { rows: 10 })

  // Aggregates. Noise of ε = 40 is zero but for once in 10^17 draws, so that totals show whether masks cancel and consents count.
  const about = ['--dataset-id', String(dataset)]
  t.same(await Promise.all(MEMBERS.map((member) => json('dataset', 'contribute', '--config', configs[member - 1]!, '--dataset', at('dataset.json'), ...about, '--table', at(`${member}.csv`), '--out', at(`contribution.${member}.json`)))), MEMBERS.map(() => ({ persons: 4 })))
  const question = ['dataset', 'ask', ...wallet, ...about, '--by', `disease=${DISEASES.join(',')}`, '--epsilon', '40']
  const asked = await json(...question)
  t.match(asked, { charged: 40_000_000, left: 40_000_000, sites: MEMBERS })
  const id = String(asked['question'])
  const answered = (member: number, of = id): Promise<Record<string, never>> => json('dataset', 'answer', of, '--config', configs[member - 1]!, '--dataset', at('dataset.json'), '--contribution', at(`contribution.${member}.json`))
  t.same(await Promise.all([1, 2].map((member) => answered(member))), [{ answered: true }, { answered: true }])
  const total = ['dataset', 'total', id, '--config', configs[0]!, '--dataset', at('dataset.json')]
  t.match(await stele(...total), { code: 1, stderr: /AGGREGATE_SHARE_MISSING[^]*members=\[3\]/ })
  t.match(await stele('dataset', 'read', id, ...wallet, '--wait', '0'), { code: 3, stderr: /CLIENT_TIMED_OUT/ })
  await answered(3)
  t.match(await answered(3), { answered: false })
  t.match(await json(...total), { cells: 3, small: 0 })
  const answer = await json('dataset', 'read', id, ...wallet)
  t.same(answer, { sites: 3, counts: ['3', '4', '3'], sums: null }, 'whoever withdrew or consented to treatment alone is not counted')
  const again = await json(...question)
  t.match(again, { charged: 0, left: 40_000_000 }, 'the same question again is free')
  await Promise.all(MEMBERS.map((member) => answered(member, String(again['question']))))
  await json('dataset', 'total', String(again['question']), '--config', configs[0]!, '--dataset', at('dataset.json'))
  t.same(await json('dataset', 'read', String(again['question']), ...wallet), answer)
  t.match((await stele(...question.slice(0, -1), '41')).stderr, /BUDGET_EXHAUSTED/)

  // Ten persons are counted at three institutions, three of them at two: the institutions have an identifier in common, and none shows it to another.
  const linked = String((await json('dataset', 'ask', ...wallet, ...about, '--linked-by', 'nhs', '--epsilon', '40'))['question'])
  t.match(await stele('dataset', 'answer', linked, '--config', configs[0]!, '--dataset', at('dataset.json'), '--contribution', at('contribution.1.json'), '--wait-s', '1'), { code: 1, stderr: /JOINT_SILENT/ }, 'one alone counts nothing, and goes on where it was')
  t.same(await Promise.all(MEMBERS.map((member) => answered(member, linked))), MEMBERS.map(() => ({ answered: true })))
  t.match(await json('dataset', 'total', linked, '--config', configs[0]!, '--dataset', at('dataset.json')), { cells: 4, small: 1 })
  t.same(await json('dataset', 'read', linked, ...wallet), { sites: 3, counts: ['7', '4', '3', null], sums: null }, 'seven in all: four at one institution, three at two')
})
