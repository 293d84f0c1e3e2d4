// Goal: whoever is denied learns nothing about what exists (REQUIREMENTS AC7, DESIGN §5.13).
// Method: ask for things that exist and things that do not, from one and the same state, and compare all that the asker and the tree can see.
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { ACTIONS, decisionEvent, ROLES } from '../../primitives/calls/index.ts'
import type { CallArgs } from '../../primitives/calls/index.ts'
import { encode } from '../../primitives/codec.ts'
import { receiptSchema } from '../../primitives/receipt.ts'
import { bytes32, ContractWorld, decisionOf, sectionOf, tagOf } from '../helpers/contract-world.ts'
import type { Actor } from '../helpers/contract-world.ts'

type Request = CallArgs<'access', 'request'>
const FIXED_MS = 1_750_000_100_000n

interface Scene { readonly world: ContractWorld; readonly patient: Actor; readonly askers: Readonly<Record<string, Actor>> }

/** A patient with records, many consents and a suspended neighbour; askers who are all denied what is asked below. */
function scene(): Scene {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const suspended = world.enroll(1, 'patient', 'suspended')
  const askers: Record<string, Actor> = {
    physician: world.enroll(2, 'clinician', 'physician'), uncertified: world.enroll(2, 'clinician', 'uncertified'), researcher: world.enroll(3, 'researcher', 'researcher'),
    neighbour: world.enroll(1, 'patient', 'neighbour'), auditor: world.enroll(4, 'auditor', 'auditor'), custodian: world.institution(1),
  }
  world.certify(2, askers['physician']!.account, 'role', ROLES.physician)
  world.certify(3, askers['researcher']!.account, 'role', ROLES.researcher)
  for (const [label, subject] of [['kept', patient], ['other', askers['neighbour']!], ['withheld', suspended]] as const) {
    const sections = [sectionOf(`${label} 0`), sectionOf(`${label} 1`, [tagOf('HIV')], { confidentiality: 'V' })]
    world.call(world.institution(1), 'records', 'register', world.registration(subject.account, bytes32(label), sections))
  }
  for (let i = 0; i < 20; i++) {
    world.call(patient, 'consent', 'grant', {
      seq: patient.seq += 1n, grantee: { kind: 'member', value: 2 + (i % 2) }, from: 0n, until: world.timeMs + 86_400_000n, requires: [[tagOf('other')]], classes: ['imaging'], confidentialityMax: 'L', purposes: ['TREAT', 'HRESCH'], actions: ['read'],
    })
  }
  world.call(world.institution(1), 'identity', 'suspend', { account: suspended.account })
  // The first transaction that expires in a minute opens that minute's replay leaf; let that not be one of those compared.
  world.timeMs = FIXED_MS
  world.run(world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('nobody') }, { validUntil: FIXED_MS + 60_000n }), 0n)
  return { world, patient, askers }
}

const scenes: Record<string, Scene> = Object.fromEntries(['physician', 'uncertified', 'researcher', 'neighbour', 'auditor', 'custodian'].map((asker) => [asker, scene()]))

/** What differs between the requests only in existence. */
const TARGETS: Readonly<Record<string, (at: Scene) => Partial<Request>>> = {
  'a section without consent': () => ({}),
  'a section above the ceiling': () => ({ sections: [1] }),
  'an unknown subject': () => ({ subject: bytes32('nobody') }),
  'an unknown record': () => ({ record: bytes32('nothing') }),
  'another patient\'s record': () => ({ record: bytes32('other') }),
  'a suspended patient\'s record': () => ({ record: bytes32('withheld') }),
  'a clinician as subject': ({ askers }) => ({ subject: askers['physician']!.account }),
  'a version that does not exist': () => ({ version: 9 }),
  'a version that exists': () => ({ version: 1 }),
  'a section that does not exist': () => ({ sections: [63] }),
}

t.test('denied and nonexistent are equal in code, cost, event, sizes and writes, for every asker, verb and purpose', async (t) => {
  for (const asker of ['physician', 'uncertified', 'researcher', 'neighbour', 'auditor', 'custodian']) {
    for (const action of ACTIONS) {
      for (const purpose of ['TREAT', 'BTG', 'HRESCH', 'HMARKT'] as const) {
        const seen = new Map<string, string[]>()
        const at = scenes[asker]!
        for (const [name, target] of Object.entries(TARGETS)) {
          const args: Request = { subject: at.patient.account, record: bytes32('kept'), version: 0, sections: [0], action, purpose, readerKey: bytes32('reader'), detailsHash: bytes32('details'), ...target(at) }
          const writes = at.world.state.writes
          const entries = at.world.state.entries.size
          at.world.timeMs = FIXED_MS // The same block time for each, so that only the target differs.
          const transaction = at.world.transaction(at.askers[asker]!, 'access', 'request', args, { validUntil: FIXED_MS + 60_000n })
          const receipt = at.world.run(transaction, 0n)
          const event = decisionOf(receipt)
          const visible = {
            code: receipt.code, cost: receipt.cost, events: receipt.events.map(({ name: event, contract }) => `${contract}.${event}`), decision: event.decision, until: event.until.toString(),
            receiptBytes: encode(receiptSchema, receipt).length, eventBytes: receipt.events[0]!.data.length, transactionBytes: transaction.bytes.length,
            writes: at.world.state.writes - writes, entries: at.world.state.entries.size - entries,
            // Everything in the event but the basis repeats the request; the basis is a hash of the request's own id.
            repeats: toHex(encode(decisionEvent, event)) === toHex(encode(decisionEvent, { ...args, request: transaction.id, requester: at.askers[asker]!.account, decision: 'deny', basis: event.basis, until: FIXED_MS })),
          }
          const key = JSON.stringify(visible)
          seen.set(key, [...(seen.get(key) ?? []), name])
        }
        if (seen.size !== 1) t.fail(`${asker} ${action} ${purpose} tells apart: ${[...seen.values()].map((names) => names.join(', ')).join(' | ')} ${[...seen.keys()].join(' ')}`)
        if (![...seen.keys()].every((key) => key.includes('"decision":"deny"') && key.includes('"repeats":true'))) t.fail(`${asker} ${action} ${purpose}: ${[...seen.keys()].join(' ')}`)
      }
    }
    t.pass(asker)
  }
})

t.test('a permit costs what a denial costs', async (t) => {
  const at = scene()
  const ask = (actor: Actor) => at.world.call(actor, 'access', 'request', { subject: at.patient.account, record: bytes32('kept'), version: 0, sections: [0], action: 'query', purpose: 'PATRQT', readerKey: bytes32('r'), detailsHash: bytes32('d') })
  const [permit, denial] = [ask(at.patient), ask(at.askers['neighbour']!)]
  t.same([decisionOf(permit).decision, decisionOf(denial).decision], ['permit', 'deny'])
  t.equal(permit.cost, denial.cost)
})

t.test('who may not register learns nothing about subjects and records either', async (t) => {
  const at = scene()
  const attempts = [{}, { subject: bytes32('nobody') }, { record: bytes32('nothing') }, { version: 2, provenance: { activity: 'correct' as const, author: tagOf('a'), source: tagOf('s'), recordedAt: 0n } }]
  for (const caller of [at.world.institution(2), at.askers['physician']!, at.askers['neighbour']!]) {
    const seen = new Set(attempts.map(({ subject, record, ...changes }: { subject?: Uint8Array, record?: Uint8Array }) => {
      const transaction = at.world.transaction(caller, 'records', 'register', at.world.registration(subject ?? at.patient.account, record ?? bytes32('kept'), [sectionOf('x')], { version: 1, ...changes }))
      const { code, cost, events } = at.world.run(transaction)
      return JSON.stringify({ code, events, costBesidesBytes: cost - transaction.bytes.length })
    }))
    t.equal(seen.size, 1)
    t.match([...seen][0], /REGISTER_NOT_PERMITTED/)
  }
})
