import { anonymizationEvents, ROLES } from '../../primitives/calls/index.ts'
import type { CallArgs, Verdict } from '../../primitives/calls/index.ts'
import { decode } from '../../primitives/codec.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import { bytes32, ContractWorld } from './contract-world.ts'
import type { Actor } from './contract-world.ts'

export type Terms = CallArgs<'anonymization', 'define'>['terms']
export type Figures = CallArgs<'anonymization', 'release'>['figures']
export const DATASET = bytes32('dataset')
export const TERMS: Terms = { definition: bytes32('definition'), k: 5, suppressionPpm: 50_000, prosecutorPpm: 200_000, contributorsMin: 3, budget: 1_000_000, mode: 'owner', openings: 0, siteFloor: 0, purposes: ['HRESCH'], recipients: [2] }
export const FIGURES: Figures = { rows: 95, classes: 10, smallestClass: 5, suppressed: 5, dropped: 0, lossPpm: 112_400, prosecutorPpm: 200_000 }

/** A data set over four or more clinics, a researcher of member 2, and the calls on it with arguments that fit. */
export class Scene {
  readonly world: ContractWorld
  readonly researcher: Actor

  constructor(members = 4, terms: Terms = TERMS) {
    this.world = new ContractWorld(members)
    this.researcher = this.world.enroll(2, 'researcher', 'r')
    this.world.certify(2, this.researcher.account, 'role', ROLES.researcher)
    this.define(terms)
  }

  define(terms: Partial<Terms> = {}, changes: Partial<CallArgs<'anonymization', 'define'>> = {}, member = 1): string {
    return this.world.call(this.world.institution(member), 'anonymization', 'define', { dataset: DATASET, version: 1, terms: { ...TERMS, ...terms }, ...changes }).code
  }

  request(actor = this.researcher, changes: Partial<CallArgs<'anonymization', 'request'>> = {}): { readonly id: Uint8Array; readonly receipt: Receipt } {
    const transaction = this.world.transaction(actor, 'anonymization', 'request', { dataset: DATASET, version: 1, purpose: 'HRESCH', detailsHash: bytes32('details'), ...changes })
    return { id: transaction.id, receipt: this.world.run(transaction) }
  }

  decision(actor?: Actor, changes: Partial<CallArgs<'anonymization', 'request'>> = {}): string {
    return decode(anonymizationEvents.requested, this.request(actor, changes).receipt.events[0]!.data).decision
  }

  select(member: number, request: Uint8Array, persons = 40): string {
    return this.world.call(this.world.institution(member), 'anonymization', 'select', { request, persons, selection: bytes32(`selection ${member}`), original: bytes32(`original ${member}`) }).code
  }

  selected(): Uint8Array {
    const { id } = this.request()
    for (const member of [1, 2, 3]) this.select(member, id)
    return id
  }

  release(request: Uint8Array, figures: Partial<Figures> = {}, changes: Partial<CallArgs<'anonymization', 'release'>> = {}, member = 1): { readonly id: Uint8Array; readonly code: string } {
    const args = { request, release: bytes32('release'), document: bytes32('document'), readAtHeight: this.world.height, figures: { ...FIGURES, ...figures }, ...changes }
    const transaction = this.world.transaction(this.world.institution(member), 'anonymization', 'release', args)
    return { id: transaction.id, code: this.world.run(transaction).code }
  }

  /** Gives the parts of contributors to both releases, then compares; nothing to compare unless told. */
  compare(release: Uint8Array, comparisons: CallArgs<'anonymization', 'compare'>['comparisons'] = [], { member = 1, parts = [1, 2, 3] }: { member?: number; parts?: readonly number[] } = {}): Receipt {
    for (const { position } of comparisons) for (const each of parts) this.overlap(release, position, each)
    return this.world.call(this.world.institution(member), 'anonymization', 'compare', { release, comparisons })
  }

  overlap(release: Uint8Array, position: number, member: number): string {
    return this.world.call(this.world.institution(member), 'anonymization', 'overlap', { release, position, part: bytes32(`part ${member}`) }).code
  }

  attest(member: number, release: Uint8Array, verdict: Verdict = 'sound'): Receipt {
    return this.world.call(this.world.institution(member), 'anonymization', 'attest', { release, verdict })
  }
}
