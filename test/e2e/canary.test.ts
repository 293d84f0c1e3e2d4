import { randomBytes, randomInt } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ClassicLevel } from 'classic-level'
import t from 'tap'
import type { Test } from 'tap'
import type { AskResult, Card, OwnRecord, TrailResult } from '../../examples/demo/actor-person.ts'
import type { Actor } from '../../examples/demo/actor-process.ts'
import { planFromGenerator } from '../../examples/demo/import-plan.ts'
import { Stage } from '../../examples/demo/stage.ts'
import { readBundle } from '../../interop/fhir/bundle.ts'
import type { FhirResource } from '../../interop/fhir/bundle.ts'
import { SeededRandom } from '../../interop/fhir/seeded-random.ts'
import { needlesOf } from '../client/needles.ts'
import { sendOverLoopback, startCapture } from '../helpers/capture.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { haystacksOf, LeakSearch } from '../helpers/leak-search.ts'
import { testDirectory } from '../helpers/directory.ts'

// Goal: whoever takes the disks of all institutions, their logs and their network traffic learns no word and no number of a record (K1, T1, T2, T19).
// Method: four nodes, four custodians, the desks and people of the demo as real processes, with tcpdump on the loopback interface; then a search for every
// needle in everything, among it canaries planted in each kind of place. What the search must find proves that it would find the rest.

const RECORDS = 50
/** Takes 20 s on an idle machine; a busy one must not make it fail. */
const TIMEOUT_MS = 290_000
const YEAR_MS = 365 * 86_400_000
const STAFF = { who: 'Dr Rosalind Quimby, Ward Seven of Lakeside', device: 'tablet of the night shift, QX-7781', reason: 'persistent discomfort after the fall' } as const
const STAFF_NEEDLES = [...Object.values(STAFF), 'Rosalind', 'Quimby', 'QX-7781', 'discomfort']
/** Everything that runs inside a node or a custodian. */
const NODE_FOLDERS = ['primitives', 'consensus', 'contracts', 'privacy', 'p2p', 'state', 'vault', 'rpc', 'node'] as const

interface Patient { readonly name: string; readonly member: number; readonly resources: readonly FhirResource[] }

/** The first patient with an observation and a diagnosis to be asked for; the others at random, until there are as many records as wanted. */
function choose(random: SeededRandom, source: string, bundles: readonly (readonly FhirResource[])[]): Patient[] {
  const asked = ['Observation', 'Condition'].map((type) => bundles[0]!.find(({ resourceType, confidentiality }) => resourceType === type && confidentiality === 'N')).filter((found) => found !== undefined)
  const rest = bundles.flat().filter((resource) => !asked.includes(resource)).map((resource) => ({ resource, rank: random.next() })).sort((a, b) => a.rank - b.rank)
  const chosen = new Set([...asked, ...rest.slice(0, RECORDS - asked.length).map(({ resource }) => resource)])
  return bundles.map((bundle, i) => ({ name: `${source} ${i + 1}`, member: 1 + (i % 3), resources: bundle.filter((resource) => chosen.has(resource)) }))
}

function fromCorpus(random: SeededRandom, folder: string): Patient[] {
  const people = readdirSync(folder).filter((name) => name.endsWith('.json') && !name.includes('Information')).sort()
  const first = random.below(people.length)
  return choose(random, 'synthea', [0, 1, 2].map((i) => readBundle(readFileSync(join(folder, people[(first + i) % people.length]!)))))
}

interface Played { readonly permits: number; readonly refusals: number; readonly opened: number }

/** Import, a refusal, a grant, two reads, a refusal beyond the grant, a revocation, a refusal; the audit trail is read by the patient. */
async function play(stage: Stage, patients: readonly Patient[]): Promise<Played> {
  const [own, staff] = [stage.startPerson('patients', 1), stage.startPerson('staff', 2)]
  const accounts = new Map<string, Uint8Array>()
  await Promise.all(patients.map(async ({ name, member }) => accounts.set(name, await enrol(stage, own, name, 'patient', member))))
  const clinician = await enrol(stage, staff, 'reader', 'clinician', 2)
  await stage.desks[1]!.ask('certify', { account: clinician, attributes: [['role', 'physician']], untilMs: Date.now() + YEAR_MS })
  await Promise.all(stage.desks.map(async (desk, i) => {
    for (const { name, resources } of patients.filter(({ member }) => member === i + 1)) await desk.ask('import', { subject: accounts.get(name), resources, source: `desk ${i + 1}` })
  }))
  const name = patients[0]!.name
  const records = (await own.ask('records', { name })) as OwnRecord[]
  const ask = (type: string, index = 0): Promise<AskResult> => {
    const ofType = records.filter((record) => record.type === type && record.confidentiality === 'N')
    const { record } = ofType[index % ofType.length]!
    return staff.ask('ask', { name: 'reader', subject: accounts.get(name), record, purpose: 'TREAT', details: STAFF, auditors: [] }) as Promise<AskResult>
  }
  const results = [await ask('Observation')]
  const { consent } = (await own.ask('grant', { name, to: clinician, types: ['Observation'], days: 30, purposes: ['TREAT'] })) as { consent: Uint8Array }
  results.push(...(await Promise.all([ask('Observation'), ask('Observation', 1), ask('Condition')])))
  await own.ask('revoke', { name, consent })
  results.push(await ask('Observation'))
  const { opened } = (await own.ask('trail', { name, of: name })) as TrailResult
  return { permits: results.filter(({ plaintext }) => plaintext !== undefined).length, refusals: results.filter(({ decision }) => decision === 'deny').length, opened }
}

async function enrol(stage: Stage, person: Actor, name: string, kind: string, member: number): Promise<Uint8Array> {
  const card = (await person.ask('create', { name, member })) as Card
  const { account } = (await stage.desks[member - 1]!.ask('enrol', { kind, card })) as { account: Uint8Array }
  await person.ask('enrolled', { name, account })
  return account
}

/** One canary in each kind of place, in another form each; gives the places. */
async function plant(stage: Stage, canary: string): Promise<string[]> {
  const [first, second, third] = stage.nodes.map(({ name }) => name) as [string, string, string]
  const bytes = Buffer.from(`{"family":"${canary}"}`)
  const files: [string, string][] = [
    [`${first}/data/ledger/planted`, bytes.toString('hex')], [`${second}/data/vault/planted`, bytes.toString('base64')], [`${third}/data/mailbox/planted`, Buffer.from(`.${bytes.toString('utf8')}`).toString('base64url')],
    [`${first}/custodian/planted`, bytes.toString('utf8')], [`${second}/keystore.planted.json`, bytes.toString('hex').toUpperCase()],
  ]
  for (const [path, text] of files) writeFileSync(join(stage.folder, path), text)
  const log = `${third}/node.log`
  appendFileSync(join(stage.folder, log), `{"level":"info","msg":"planted ${canary}"}\n`)
  const database = join(second, 'data', 'planted.db')
  const level = new ClassicLevel<string, string>(join(stage.folder, database))
  await level.put('planted', `${bytes.toString('utf8')} ${bytes.toString('utf8')}`)
  await level.close()
  return [...files.map(([path]) => path), log, `${database} (rows)`]
}

/**
 * Common words (lower-case letters only, such as "active" or "stopped") that the nodes' own programs contain: a node says them of itself, whatever a record holds.
 * Nothing else is excused: no name, code, number, date or address, no FHIR type, and no word that only the importer, the client or the generator knows.
 */
function wordsOfNodes(needles: ReadonlySet<string>): Set<string> {
  const root = resolve(import.meta.dirname, '../..')
  const sources = NODE_FOLDERS.flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(root, folder, name), 'utf8'))).join('\n')
  return new Set([...needles].filter((needle) => /^[a-z]+$/.test(needle) && sources.includes(needle)))
}

const portOf = (address: string): number => Number(/(?::|\/tcp\/)(\d+)/.exec(address)![1])
const isPlanted = (finding: string, canary: string): boolean => finding.includes(`: ${canary} at `)

t.setTimeout(TIMEOUT_MS)

t.test('data directories, logs and loopback traffic hold nothing of the records', { timeout: TIMEOUT_MS }, async (t) => {
  const seed = randomInt(2 ** 31)
  t.comment(`records chosen with seed ${seed}`)
  const random = new SeededRandom(seed)
  const corpus = corpusPath('fhir/synthea')
  const patients = [...choose(random, 'seeded', planFromGenerator({ seed, patients: 3 }).map(({ resources }) => resources)), ...(corpus === undefined ? [] : fromCorpus(random, corpus))]
  const records = patients.flatMap(({ resources }) => resources)
  const named = (source: string): number => patients.filter(({ name }) => name.startsWith(source)).reduce((sum, { resources }) => sum + resources.length, 0)
  t.equal(named('seeded'), RECORDS)
  await t.test('records of the public corpus are among them', { skip: corpus === undefined ? CORPUS_ABSENT : false }, async (t) => t.equal(named('synthea'), RECORDS))

  const stage = new Stage()
  const canary = `canary-${randomBytes(9).toString('base64url')}`
  t.teardown(async () => { await stage.stop(); stage.removeFolder() })
  const capturePath = join(testDirectory(t), 'loopback.pcap')
  const capture = await startCapture(capturePath)
  if (typeof capture !== 'string') t.teardown(() => capture.abort())
  await stage.startNodes(4)
  await stage.startInstitutions()
  const played = await play(stage, patients)
  t.same(played, { permits: 2, refusals: 3, opened: 5 }, 'records were imported, granted, read, refused and revoked')
  const scraped = await Promise.all(stage.nodes.flatMap(({ metrics }) => ['/metrics', '/readyz'].map(async (path) => (await fetch(`http://127.0.0.1:${portOf(metrics)}${path}`)).text())))
  t.ok(scraped.every((text) => text.length > 0))
  const planted = await sendOverLoopback([Buffer.from(canary.slice(0, 9)), Buffer.from(canary.slice(9))])
  const ports = new Set([planted, ...stage.nodes.flatMap(({ rpc, metrics, p2p }) => [rpc, metrics, p2p].map(portOf))])
  await stage.stop()
  const captured = typeof capture === 'string' ? capture : await capture.stop()

  const needles = new Set([...records.flatMap(({ bytes }) => [...needlesOf(bytes, new Set())]), ...STAFF_NEEDLES])
  const excluded = wordsOfNodes(needles)
  t.comment(`${needles.size} needles; not looked for, as common words of the nodes' own programs: ${[...excluded].join(', ')}`)
  const search = new LeakSearch(new Set([...needles, canary].filter((needle) => !excluded.has(needle))))
  const metricsPorts = stage.nodes.map(({ metrics }) => portOf(metrics))
  t.ok(records.every(({ bytes }) => search.find({ place: '', bytes: Buffer.from(bytes) }).length > 0), 'the search finds each record where it is')

  await t.test('on disk', async (t) => {
    const places = await plant(stage, canary)
    const haystacks = await haystacksOf(stage.folder)
    for (const part of ['ledger', 'state', 'vault', 'mailbox']) t.ok(haystacks.some(({ place, bytes }) => place.includes(`/data/${part}/`) && bytes.length > 0), `there is data in ${part}`)
    t.ok(haystacks.filter(({ place }) => place.endsWith('.log')).length >= 8, 'there are logs of nodes and custodians')
    report(t, haystacks.flatMap((haystack) => search.find(haystack)), canary, places)
  })

  await t.test('on the wire', { skip: typeof captured === 'string' ? captured : false }, async (t) => {
    const { flows, dropped } = captured as Exclude<typeof captured, string>
    t.equal(dropped, 0, 'the capture is complete')
    // Other programs on this machine talk over its loopback too: what counts has one end at a port of these nodes.
    const ours = flows.filter(({ from, to }) => ports.has(from) || ports.has(to))
    // Of two nodes one dials the other, so a peer port may see no traffic at all; every listener that clients use does.
    const asked = [planted, ...stage.nodes.flatMap(({ rpc, metrics }) => [rpc, metrics].map(portOf))]
    t.same(asked.filter((port) => !ours.some(({ from, to }) => from === port || to === port)), [], 'traffic of every listener was captured')
    const peerPorts = stage.nodes.map(({ p2p }) => portOf(p2p))
    t.ok(ours.some(({ from, to }) => peerPorts.includes(from) || peerPorts.includes(to)), 'traffic between the nodes was captured')
    t.ok(ours.some(({ bytes }) => bytes.includes('"method":"tx_send"')), 'calls to the nodes can be read in the capture')
    t.notOk(ours.some(({ bytes }) => bytes.includes('content-encoding:')), 'nothing is compressed, which would hide needles')
    const findings = ours.flatMap(({ from, to, bytes }) => {
      const place = `loopback ${ports.has(from) ? from : 'client'} to ${ports.has(to) ? to : 'client'}`
      return search.find({ place, bytes: metricsPorts.includes(from) ? withoutReadings(bytes) : bytes })
    })
    report(t, findings, canary, [`loopback client to ${planted}`])
  })
})

/** A page of metrics without the short whole numbers that it reads out: in one of some hundred runs one of them is a code of six or seven digits by chance. Names, labels and texts stay. */
function withoutReadings(page: Buffer): Buffer {
  return Buffer.from(page.toString('latin1').replaceAll(/ \d{6,7}(?=\r?\n)/g, ' 0'), 'latin1')
}

/** Every planted canary is found, and nothing but these. */
function report(t: Test, findings: readonly string[], canary: string, planted: readonly string[]): void {
  for (const place of planted) t.ok(findings.some((finding) => isPlanted(finding, canary) && finding.startsWith(place)), `the canary is found in ${place}`)
  t.same(findings.filter((finding) => !isPlanted(finding, canary)), [], 'nothing else is found')
}
