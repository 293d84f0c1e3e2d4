import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../primitives/bytes.ts'
import type { Card } from '../demo/actor-person.ts'
import type { Actor } from '../demo/actor-process.ts'
import { INSTITUTIONS, RESEARCHER } from '../demo/people.ts'
import { formatTable } from '../demo/table.ts'
import type { Progress } from '../demo/progress.ts'
import type { Stage } from '../demo/stage.ts'
import { Commands } from './commands.ts'
import { DEFINITION, drawRows, tableOf, values } from './tables.ts'
import type { Row } from './tables.ts'

const CONTRIBUTORS = [1, 2, 3] as const
const MEMBERS = [1, 2, 3, 4] as const
const PATIENTS = 60
/** The purpose each patient consents to: the last three have allowed treatment alone. */
const purposeOf = (i: number): 'HRESCH' | 'TREAT' => (i < PATIENTS - 3 ? 'HRESCH' : 'TREAT')

interface Patient { readonly name: string; readonly member: number; readonly account: string; readonly consent: Uint8Array; readonly row: Row; readonly actor: Actor }
interface Made { readonly name: string; readonly id: string; readonly document: string; readonly csv: string; readonly rows: number }

function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise)
}

/** The story, step by step; each step throws when anything is not as it must be. */
export class Story {
  readonly #stage: Stage
  readonly #progress: Progress
  readonly #commands: Commands
  #patients: readonly Patient[] = []
  #dataset = ''

  constructor(stage: Stage, progress: Progress, { showCommands }: { readonly showCommands: boolean }) {
    this.#stage = stage
    this.#progress = progress
    this.#commands = new Commands(stage.folder, showCommands ? (line) => progress.say(`    $ ${line}`) : () => undefined)
  }

  /** Ends commands that still run, when the story is interrupted. */
  stop(): void {
    this.#commands.stop()
  }

  async tell(): Promise<void> {
    const progress = this.#progress
    await progress.step('starting 4 institutions, a node each', () => this.#stage.startNodes(MEMBERS.length))
    await progress.step('starting a custodian for each', () => this.#stage.startInstitutions())
    await this.#enrol()
    await this.#define()
    const first = await this.#release('first', [])
    progress.say(`\n${this.#sample(first)}\n`)
    await this.#withdraw()
    const second = await this.#release('second', [first])
    must(second.rows === first.rows - 1, 'the patient who withdrew is not gone')
    progress.say(`\n${first.rows} rows in the first table, ${second.rows} in the second: the patient who withdrew is gone`)
    await progress.step('stopping everything', () => this.#stage.stop())
  }

  async #enrol(): Promise<void> {
    const rows = drawRows(PATIENTS)
    await this.#progress.step('enrolling patients, each of whom decides', async (update) => {
      const actors = new Map(CONTRIBUTORS.map((member) => [member as number, this.#stage.startPerson(`patients-${member}`, member)]))
      let done = 0
      this.#patients = await Promise.all(rows.map(async (row, i): Promise<Patient> => {
        const member = CONTRIBUTORS[i % CONTRIBUTORS.length]!
        const [name, actor] = [`patient ${i + 1}`, actors.get(member)!]
        const card = (await actor.ask('create', { name, member })) as Card
        const { account } = (await this.#stage.desks[member - 1]!.ask('enrol', { kind: 'patient', card })) as { account: Uint8Array }
        await actor.ask('enrolled', { name, account })
        const { consent } = (await actor.ask('grantExport', { name, member, days: 365, purposes: [purposeOf(i)] })) as { consent: Uint8Array }
        update(++done, PATIENTS)
        return { name, member, account: toHex(account), consent, row, actor }
      }))
    }, () => `${PATIENTS} patients: ${PATIENTS - 3} let their institution put them into tables for research, 3 consent to treatment alone`)
    for (const member of CONTRIBUTORS) writeFileSync(this.#at(`${member}.csv`), tableOf(this.#patients.filter((patient) => patient.member === member)))
  }

  async #define(): Promise<void> {
    const { json, run, at } = this.#commands
    writeFileSync(at('values.csv'), values())
    writeFileSync(at('visits.yaml'), DEFINITION)
    writeFileSync(at('pass'), 'only for the demo', { mode: 0o600 })
    await this.#progress.step(`${INSTITUTIONS[0]!.name} defines a data set`, async () => {
      this.#dataset = String((await json('dataset', 'define', '--config', this.#config(1), '--table', at('values.csv'), '--definition', at('visits.yaml'), '--mode', 'joint', '--purpose', 'HRESCH', '--recipient', '4', '--contributors', '3', '--budget', '1000000', '--out', at('dataset.json')))['dataset'])
    }, () => 'at least 4 people in a class, 2 diagnoses in each, for research at North University; no row leaves its institution')
    await this.#progress.step(`${RESEARCHER.name} is enrolled and asks without a certified role`, async () => {
      await json('wallet', 'new', ...this.#wallet(), '--member', '4', '--card', at('card'))
      const { account } = await json('identity', 'enrol', '--config', this.#config(4), '--kind', 'researcher', '--card', at('card'))
      await run('wallet', 'enrolled', '--wallet', at('researcher.json'), '--passphrase-file', at('pass'), '--account', String(account))
      must((await this.#ask())['decision'] === 'deny', 'a researcher without a role was permitted')
      await json('identity', 'certify', '--config', this.#config(4), '--account', String(account), '--attribute', 'role', '--value', 'researcher')
    }, () => 'denied; the university then certifies the role')
  }

  async #release(name: string, earlier: readonly Made[]): Promise<Made> {
    const { json, at } = this.#commands
    const { request, decision } = await this.#progress.step(`${RESEARCHER.name} asks for the ${name} table`, () => this.#ask(), (answer) => `${String(answer['decision'])}`)
    must(decision === 'permit', 'the certified researcher was denied')
    const files = (member: number): string[] => ['--out', at(`${name}.${member}.json`), '--rows-out', at(`${name}.${member}.rows.json`)]
    const selected = await this.#progress.step('three institutions select by consent', () => Promise.all(CONTRIBUTORS.map((member) => json('dataset', 'select', '--config', this.#config(member), '--request', String(request), '--dataset', at('dataset.json'), '--table', at(`${member}.csv`), ...files(member)))),
      (each) => each.map(({ selected: count, withoutConsent }, i) => `${INSTITUTIONS[i]!.name} ${String(count)}, without consent ${String(withoutConsent)}`).join(' · '))
    const made = await this.#progress.step('they count together, masked', () => Promise.all(CONTRIBUTORS.map((member) => json('dataset', 'joint', '--config', this.#config(member), '--dataset', at('dataset.json'), '--rows', at(`${name}.${member}.rows.json`), '--out', at(`${name}.${member}.joint.json`)))),
      ([one]) => `three times the same ${String(one!['rows'])} rows in ${String(one!['classes'])} classes, hash ${String(one!['hash']).slice(0, 16)}…`)
    must(new Set(made.map(({ hash }) => hash)).size === 1, 'the institutions computed different tables')
    must(selected.reduce((sum, each) => sum + Number(each['selected']), 0) >= Number(made[0]!['rows']), 'more rows than selected persons')
    const { release } = await json('dataset', 'release', '--config', this.#config(1), '--dataset', at('dataset.json'), ...CONTRIBUTORS.flatMap((member) => ['--selection', at(`${name}.${member}.json`)]), '--joint', at(`${name}.1.joint.json`), '--out', at(`${name}.csv`), '--document', at(`${name}.document`))
    const result = { name, id: String(release), document: at(`${name}.document`), csv: at(`${name}.csv`), rows: Number(made[0]!['rows']) }
    const beside = earlier.length === 0 ? [] : await this.#compare(result, earlier)
    await this.#attest(result, beside)
    return result
  }

  /** Two tables of nearly the same people could be subtracted: that is counted before anybody attests, and paid from the researcher's budget. */
  async #compare({ id, name, document }: Made, earlier: readonly Made[]): Promise<string[]> {
    const { json, at } = this.#commands
    const beside = [...earlier.flatMap((each) => ['--earlier', each.document]), ...CONTRIBUTORS.flatMap((member) => ['--part', at(`${name}.overlap.${member}.json`)])]
    await this.#progress.step('the second table is held against the first', async () => {
      await Promise.all(CONTRIBUTORS.map((member) => json('dataset', 'overlap', id, '--config', this.#config(member), '--document', document, ...earlier.flatMap((each) => ['--document', each.document, '--selection', at(`${each.name}.${member}.json`)]), '--selection', at(`${name}.${member}.json`), '--table', at(`${member}.csv`), '--out', at(`${name}.overlap.${member}.json`))))
      return json('dataset', 'compare', id, '--config', this.#config(1), '--document', document, ...beside)
    }, ({ charged }) => `subtracting them could single somebody out: the university's budget pays ${Number(charged) / 1_000_000} unit`)
    return beside
  }

  async #attest({ id, name, document }: Made, beside: readonly string[]): Promise<void> {
    const { json, at } = this.#commands
    await this.#progress.step('members check the release and attest', async () => {
      const verdicts: string[] = []
      for (const member of MEMBERS) {
        const own = member === 4 ? [] : ['--joint', at(`${name}.${member}.joint.json`)]
        const { verdict, outcome } = await json('dataset', 'verify', id, '--config', this.#config(member), '--document', document, ...own, ...beside, '--attest')
        verdicts.push(String(verdict))
        if (outcome === 'accepted') return verdicts
      }
      throw new Error(`not accepted: ${verdicts.join(', ')}`)
    }, (verdicts) => `${verdicts.join(', ')}: accepted`)
  }

  async #withdraw(): Promise<void> {
    const leaving = this.#patients[0]!
    await this.#progress.step(`${leaving.name} of ${INSTITUTIONS[leaving.member - 1]!.name} withdraws`, async () => { await leaving.actor.ask('revoke', { name: leaving.name, consent: leaving.consent }) }, () => 'signed with the patient\'s key alone')
  }

  #sample({ csv }: Made): string {
    const [header, ...rows] = readFileSync(csv, 'utf8').trim().split('\r\n').map((line) => line.split(','))
    must(!this.#patients.some(({ account }) => rows.some((row) => row.includes(account))), 'an account stands in the table')
    const classes = Map.groupBy(rows, (row) => row.slice(0, -1).join('\0'))
    return formatTable([...header!.slice(0, -1), 'people', header!.at(-1)!], [...classes.values()].map((people) => [...people[0]!.slice(0, -1), String(people.length), [...new Set(people.map((row) => row.at(-1)!))].join(', ')]))
  }

  #ask(): Promise<Readonly<Record<string, unknown>>> {
    return this.#commands.json('dataset', 'request', ...this.#wallet(), '--dataset-id', this.#dataset)
  }

  #wallet(): string[] {
    return ['--wallet', this.#at('researcher.json'), '--passphrase-file', this.#at('pass'), '--rpc', this.#stage.urls[3]!, '--genesis', this.#at('genesis.json')]
  }

  #config(member: number): string {
    return join(this.#stage.nodes[member - 1]!.folder, 'custodian.yaml')
  }

  #at(name: string): string {
    return this.#commands.at(name)
  }
}
