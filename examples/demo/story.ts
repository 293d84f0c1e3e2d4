import { verifyReceipt } from '../../client/verify-receipt.ts'
import type { Attribute } from '../../primitives/calls/attributes.ts'
import type { AuditDetails } from '../../privacy/audit-details.ts'
import type { Actor } from './actor-process.ts'
import type { AskResult, Card, OwnRecord, TrailResult } from './actor-person.ts'
import type { Subject } from './import-plan.ts'
import { CLINICIAN, INSTITUTIONS, institutionOf, introduce, RESEARCHER, STRANGER } from './people.ts'
import type { Professional } from './people.ts'
import type { Progress } from './progress.ts'
import type { Stage } from './stage.ts'
import { sayDuration, TYPE_WORDS, wordFor } from './words.ts'

const YEAR_MS = 365 * 86_400_000
const PATIENT = 'patient'
const AUDITOR = 'auditor'

/** Somebody enrolled: in which process they act, under which account, and the key others seal to. */
interface Enrolled { readonly actor: Actor; readonly name: string; readonly account: Uint8Array; readonly sealKey: Uint8Array }

/** The demo's story, step by step. Each step shows itself through `progress` and throws when anything is not as it must be. */
export class Story {
  readonly #stage: Stage
  readonly #progress: Progress
  readonly #plan: readonly Subject[]
  readonly #subjects = new Map<Subject, Uint8Array>()
  readonly #people = new Map<string, Enrolled>()
  readonly #bundles: Uint8Array[] = []
  readonly #heroine: Subject
  #consent: Uint8Array | undefined
  #records: readonly OwnRecord[] = []

  constructor(stage: Stage, progress: Progress, plan: readonly Subject[]) {
    this.#stage = stage
    this.#progress = progress
    this.#plan = plan
    const told = plan.find(({ kind, resources }) => kind === 'patient' && ['Observation', 'Condition'].every((type) => resources.filter(({ resourceType, confidentiality }) => resourceType === type && confidentiality === 'N').length >= 2))
      ?? plan.find(({ kind }) => kind === 'patient')
    if (told === undefined) throw new RangeError('there is no patient to tell the story of')
    this.#heroine = told
  }

  async enrol(): Promise<void> {
    await this.#progress.step('enrolling patients, clinicians, a researcher and an auditor', async (update) => {
      const own = this.#stage.startPerson(PATIENT, this.#heroine.member)
      const others = this.#stage.startPerson('others', this.#heroine.member)
      const professionals = [CLINICIAN, STRANGER, RESEARCHER]
      const total = this.#plan.length + professionals.length + 1
      let done = 0
      const tick = (): void => update(++done, total)
      await Promise.all([
        ...this.#plan.map(async (subject) => {
          if (subject.kind === 'patient') {
            const isTold = subject === this.#heroine
            const { account } = await this.#enrol(isTold ? own : others, isTold ? PATIENT : subject.label, 'patient', subject.member)
            this.#subjects.set(subject, account)
          } else this.#subjects.set(subject, ((await this.#desk(subject.member).ask('enrolDirectory', {})) as { account: Uint8Array }).account)
          tick()
        }),
        ...professionals.map(async (professional) => {
          await this.#enrolProfessional(professional)
          tick()
        }),
        this.#enrol(this.#stage.startPerson(AUDITOR, this.#heroine.member), AUDITOR, 'auditor', this.#heroine.member).then(tick),
      ])
      return total
    }, (count) => `${count} accounts, each with keys made in its owner's own process`)
  }

  async importRecords(): Promise<void> {
    const total = this.#plan.reduce((sum, { resources }) => sum + resources.length, 0)
    const start = performance.now()
    await this.#progress.step('importing records, encrypted, three copies each', async (update) => {
      let stored = 0
      update(0, total)
      await Promise.all(INSTITUTIONS.map(async ({ name }, i) => {
        for (const subject of this.#plan.filter(({ member }) => member === i + 1)) {
          let before = 0
          await this.#desk(subject.member).ask('import', { subject: this.#subjects.get(subject), resources: subject.resources, source: name }, (done) => {
            stored += done - before
            before = done
            update(stored, total)
          })
        }
      }))
    }, () => `${total} records, ${Math.round(total / ((performance.now() - start) / 1000))} a second; on the ledger only commitments and opaque tags`)
    this.#records = (await this.#person(PATIENT).actor.ask('records', { name: PATIENT })) as OwnRecord[]
  }

  async refusedBeforeConsent(): Promise<void> {
    await this.#refused(`${CLINICIAN.name} asks for a test result without consent`, CLINICIAN, this.#pick('Observation'), 'first visit')
  }

  async grant(): Promise<void> {
    await this.#progress.step(`the patient lets ${CLINICIAN.name} read test results, for treatment, for 30 days`, async () => {
      const { consent, bundle } = (await this.#person(PATIENT).actor.ask('grant', { name: PATIENT, to: this.#person(CLINICIAN.name).account, types: ['Observation'], days: 30, purposes: ['TREAT'] })) as { consent: Uint8Array; bundle: Uint8Array }
      this.#consent = consent
      this.#bundles.push(bundle)
    }, () => 'signed with the patient\'s key alone')
  }

  async readOne(): Promise<void> {
    await this.#read(`${CLINICIAN.name} reads a test result`, this.#pick('Observation'))
  }

  async refusedOthers(): Promise<void> {
    const other = this.#records.find(({ type, confidentiality }) => type === 'Condition' && confidentiality === 'N') ?? this.#records.find(({ type }) => type !== 'Observation')
    must(other !== undefined, 'the patient has nothing but test results')
    await this.#refused(`${CLINICIAN.name} asks for ${wordFor(TYPE_WORDS, other.type)}, which the consent does not cover`, CLINICIAN, other, 'curious')
    await this.#refused(`${STRANGER.name} asks for a test result`, STRANGER, this.#pick('Observation'), '')
    await this.#refused(`${RESEARCHER.name} asks for a test result for research`, RESEARCHER, this.#pick('Observation'), 'cohort study', 'HRESCH')
  }

  /** kill -9 of the leader. Where the patient's own institution led, its node comes back first: only its custodian holds the keys. */
  async loseLeader(): Promise<void> {
    const leader = await this.#stage.leader()
    const isCustodian = leader.id === this.#heroine.member
    await this.#progress.step(`kill -9 of the leader, ${this.#institution(leader.id)}; ${RESEARCHER.name} asks again meanwhile`, async () => {
      await this.#stage.kill(leader)
      const since = performance.now()
      const { decision } = await this.#ask(RESEARCHER, this.#pick('Observation'), 'cohort study', 'HRESCH')
      must(decision === 'deny', 'a request without consent was permitted after the leader was lost')
      return performance.now() - since
    }, (ms) => `decided and final ${sayDuration(ms)} after the kill`)
    if (isCustodian) await this.#restart(leader.id)
    await this.#read(isCustodian ? `${CLINICIAN.name} reads another test result` : `${CLINICIAN.name} reads another test result while that node is down`, this.#pick('Observation', 1))
    if (!isCustodian) await this.#restart(leader.id)
  }

  async revoke(): Promise<void> {
    await this.#progress.step('the patient revokes', async () => {
      const { bundle } = (await this.#person(PATIENT).actor.ask('revoke', { name: PATIENT, consent: this.#consent })) as { bundle: Uint8Array }
      this.#bundles.push(bundle)
    })
    await this.#refused(`${CLINICIAN.name} asks for the same test result again`, CLINICIAN, this.#pick('Observation'), 'follow-up')
    await this.#progress.step(`the key of ${CLINICIAN.name}'s earlier, still running permit is asked for again`, async () => {
      const { code } = (await this.#person(CLINICIAN.name).actor.ask('again', { name: CLINICIAN.name })) as { code: string }
      must(code === 'RELEASE_REFUSED', `a key was served after the consent was revoked (${code})`)
    }, () => 'not served any more')
  }

  async audit(): Promise<void> {
    const { account } = this.#person(PATIENT)
    const trail = await this.#progress.step('the patient reads the audit trail', async () => (await this.#person(PATIENT).actor.ask('trail', { name: PATIENT, of: PATIENT })) as TrailResult, ({ sentences }) => `${sentences.length} entries, every proof checked`)
    for (const sentence of trail.sentences) this.#progress.say(`    ${sentence}`)
    must(trail.opened === trail.sentences.length, 'not every entry of the trail says who asked')
    const same = await this.#progress.step('an auditor of the patient\'s institution reads it too', async () => (await this.#person(AUDITOR).actor.ask('trail', { name: AUDITOR, subject: account, of: PATIENT })) as TrailResult, ({ opened }) => `${opened} entries opened, without learning what they are about`)
    must(same.sentences.length === trail.sentences.length && same.opened === trail.opened, 'the auditor does not see what the patient sees')
    this.#bundles.push(...trail.bundles)
  }

  /** After every node is gone: genesis and the receipts are all there is. */
  async verifyOffline(): Promise<void> {
    await this.#progress.step('verifying all receipts, with every node stopped', async () => {
      const { genesis } = this.#stage.chain
      const reports = this.#bundles.map((bundle) => verifyReceipt(bundle, { genesis }))
      must(reports.every(({ attestedBy, needed }) => attestedBy.length >= needed), 'a receipt carries too few attestations')
      return Promise.resolve(reports)
    }, (reports) => `${reports.length} receipts, each attested by at least ${reports[0]!.needed} of ${reports[0]!.voters} institutions`)
  }

  async #read(step: string, record: OwnRecord): Promise<void> {
    await this.#progress.step(step, async () => {
      const result = await this.#ask(CLINICIAN, record, 'treatment of the patient')
      must(result.decision === 'permit' && result.plaintext !== undefined, 'the clinician could not read what the patient had granted')
      this.#progress.say(`    ${describeObservation(result.plaintext)}`)
      return result
    }, ({ decidedMs, readMs }) => `decided in ${sayDuration(decidedMs)}, key and decrypted bytes in ${sayDuration(readMs - decidedMs)} more`)
  }

  async #refused(step: string, who: Professional, record: OwnRecord, reason: string, purpose = 'TREAT'): Promise<void> {
    await this.#progress.step(step, async () => {
      const { decision } = await this.#ask(who, record, reason, purpose)
      must(decision === 'deny', `${who.name} was not refused`)
    }, () => 'refused')
  }

  async #ask(who: Professional, { record }: OwnRecord, reason: string, purpose = 'TREAT'): Promise<AskResult> {
    const { actor } = this.#person(who.name)
    const details: AuditDetails = { who: introduce(who), device: who.device, reason }
    const result = (await actor.ask('ask', { name: who.name, subject: this.#person(PATIENT).account, record, purpose, details, auditors: [this.#person(AUDITOR).sealKey] })) as AskResult
    this.#bundles.push(result.bundle)
    return result
  }

  async #restart(id: number): Promise<void> {
    const node = this.#stage.nodes.find((candidate) => candidate.id === id)!
    await this.#progress.step(`${this.#institution(id)} starts its node again`, () => this.#stage.restart(node), () => 'it has caught up')
  }

  async #enrolProfessional(professional: Professional): Promise<void> {
    const { name, kind, institution, role, specialty, licence } = professional
    const { member } = institutionOf(institution)
    const { account } = await this.#enrol(this.#stage.startPerson(name.replaceAll(/\W+/g, '-').toLowerCase(), member), name, kind, member)
    const attributes: [Attribute, string][] = [['role', role], ['licence', licence], ...(specialty === undefined ? [] : [['specialty', specialty] as [Attribute, string]])]
    await this.#desk(member).ask('certify', { account, attributes, untilMs: Date.now() + YEAR_MS })
  }

  async #enrol(actor: Actor, name: string, kind: string, member: number): Promise<Enrolled> {
    const card = (await actor.ask('create', { name, member })) as Card
    const { account } = (await this.#desk(member).ask('enrol', { kind, card })) as { account: Uint8Array }
    await actor.ask('enrolled', { name, account })
    const enrolled = { actor, name, account, sealKey: card.sealKey }
    this.#people.set(name, enrolled)
    return enrolled
  }

  /** A record of the patient, told to whoever asks by the patient: nobody else can tell which record is what. */
  #pick(type: string, index = 0): OwnRecord {
    const found = this.#records.filter((record) => record.type === type && record.confidentiality === 'N')
    must(found.length > 0, `the patient has no ${type} of normal confidentiality`)
    return found[index % found.length]!
  }

  #desk(member: number): Actor { return this.#stage.desks[member - 1]! }

  #institution(id: number): string { return INSTITUTIONS[id - 1]?.name ?? `member ${id}` }

  #person(name: string): Enrolled {
    const found = this.#people.get(name)
    if (found === undefined) throw new RangeError(`nobody is called ${name}`)
    return found
  }
}

/** Every promise of the demo is checked: one that does not hold ends it with exit code 1. */
function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(`the demo did not show what it must: ${otherwise}`)
}

/** "Body Height: 172.5 cm, 4 May 2018": what the clinician now sees. */
function describeObservation(plaintext: Uint8Array): string {
  const { code, valueQuantity, effectiveDateTime } = JSON.parse(new TextDecoder().decode(plaintext)) as { code?: { text?: string; coding?: { display?: string }[] }; valueQuantity?: { value?: number; unit?: string }; effectiveDateTime?: string }
  const name = code?.text ?? code?.coding?.[0]?.display ?? 'a test result'
  const value = valueQuantity?.value === undefined ? '' : `: ${Math.round(valueQuantity.value * 100) / 100} ${valueQuantity.unit ?? ''}`
  return `${name}${value}${effectiveDateTime === undefined ? '' : ` (${effectiveDateTime.slice(0, 10)})`}, decrypted from ${plaintext.length} bytes`
}

