// Goal: a read that the chain orders after a revoke is refused, whatever the interleaving (REQUIREMENTS CO3, THREATS T8, issue "Shows" 8).
// Method: 1,000 seeded interleavings of grants, amendments, revocations and requests over few blocks; a plain model says which permits may stand.
import t from 'tap'
import { ROLES } from '../../primitives/calls/index.ts'
import type { CallArgs, DecisionEvent } from '../../primitives/calls/index.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { recheck } from '../../contracts/index.ts'
import { bytes32, ContractWorld, decisionOf, sectionOf, tagOf } from '../helpers/contract-world.ts'

const SEED = 20261121

/** Small seeded generator (mulberry32): the same seed plays the same interleavings. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

interface Step { readonly kind: 'grant' | 'revoke' | 'request', readonly transaction: Transaction }

t.test(`in 1,000 of 1,000 races no permit stands after the revoke of its basis, and none passes a recheck (seed ${SEED})`, async (t) => {
  const draw = generator(SEED)
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const clinician = world.enroll(2, 'clinician', 'c')
  world.certify(2, clinician.account, 'role', ROLES.physician, world.timeMs + 10n ** 12n)
  const record = bytes32('record')
  world.call(world.institution(1), 'records', 'register', world.registration(patient.account, record, [sectionOf('0'), sectionOf('1', [tagOf('x')])]))
  let permits = 0
  let denials = 0
  let keys = 0
  for (let race = 0; race < 1000; race++) {
    const terms: CallArgs<'consent', 'grant'> = { seq: patient.seq += 1n, grantee: { kind: 'member', value: 2 }, from: 0n, until: world.timeMs + 10_000n, requires: [], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['read'] }
    const grant = world.transaction(patient, 'consent', 'grant', terms)
    const revoke = world.transaction(patient, 'consent', 'revoke', { seq: patient.seq += 1n, consent: grant.id })
    const request = (): Step => ({ kind: 'request', transaction: world.transaction(clinician, 'access', 'request', { subject: patient.account, record, version: 0, sections: [1], action: 'read', purpose: 'TREAT', readerKey: bytes32(`reader ${++keys}`), detailsHash: bytes32('d') }) })
    // Three requests and the revoke fall anywhere; the grant usually first, sometimes delayed until after the revoke.
    const steps: Step[] = [request(), request(), request()]
    steps.splice(draw(4), 0, { kind: 'revoke', transaction: revoke })
    steps.splice(draw(3) === 0 ? draw(5) : 0, 0, { kind: 'grant', transaction: grant })
    // Cut into one to five blocks.
    const seen: { readonly kind: Step['kind'], readonly code: string, readonly event: DecisionEvent | undefined }[] = []
    while (steps.length > 0) {
      const block = steps.splice(0, 1 + draw(steps.length))
      const outcome = world.block(block.map(({ transaction }) => transaction), BigInt(draw(3)))
      if ('refused' in outcome) return t.fail(`race ${race}: ${outcome.refused.code}`)
      block.forEach(({ kind }, i) => {
        const receipt = outcome.receipts[i]!
        seen.push({ kind, code: receipt.code, event: kind === 'request' ? decisionOf(receipt) : undefined })
      })
    }
    // The model: permits are due exactly between a grant that took effect and the revoke.
    let live = false
    let revoked = false
    for (const { kind, code, event } of seen) {
      if (kind === 'revoke') { revoked = true; live = false }
      if (kind === 'grant') {
        if ((code === 'OK') === revoked) return t.fail(`race ${race}: the grant answered ${code}`)
        live = !revoked
      }
      if (event === undefined) continue
      if ((event.decision === 'permit') !== live) return t.fail(`race ${race}: ${event.decision} while ${live ? 'granted' : 'not granted'}`)
      if (event.decision === 'permit') {
        permits += 1
        const again = recheck(world.state, event, world.timeMs)
        if (again === 'ok') return t.fail(`race ${race}: a key would be released after the revoke`)
      } else denials += 1
    }
    // The permits of this race end, so that the next one starts clean.
    world.block([], 400_000n)
  }
  t.equal(permits + denials, 3000)
  t.ok(permits > 500 && denials > 500, `both happen: ${permits} permits, ${denials} denials`)
})
