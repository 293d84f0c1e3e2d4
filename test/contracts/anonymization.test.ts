import t from 'tap'
import { anonymizationEvents, ROLES } from '../../primitives/calls/index.ts'
import { decode } from '../../primitives/codec.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import { readerOf } from '../../contracts/index.ts'
import { acceptedReleases, datasets, releaseAttestations, releases } from '../../contracts/anonymization/tables.ts'
import { isAccepted, isRefused } from '../../contracts/anonymization/figures.ts'
import { bytes32 } from '../helpers/contract-world.ts'
import { DATASET, FIGURES, Scene, TERMS } from '../helpers/dataset-scene.ts'
import type { Figures, Terms } from '../helpers/dataset-scene.ts'

const eventNames = ({ events }: Receipt): string[] => events.map(({ name }) => name)

t.test('a data set is defined by an institution, version by version, with terms that mean something', async (t) => {
  const scene = new Scene()
  const { world } = scene
  for (const bad of [{ k: 1 }, { suppressionPpm: 1_000_001 }, { prosecutorPpm: 0 }, { prosecutorPpm: 1_000_001 }, { contributorsMin: 0 }, { recipients: [2, 1] }, { recipients: [2, 2] }, { recipients: [9] }, { purposes: ['HRESCH', 'HRESCH'] }] as Partial<Terms>[]) t.equal(scene.define(bad, { version: 2 }), 'DATASET_TERMS_INVALID', JSON.stringify(bad))
  t.equal(scene.define(), 'DATASET_VERSION_NOT_NEXT')
  t.equal(scene.define({}, { version: 3 }), 'DATASET_VERSION_NOT_NEXT')
  t.equal(scene.define({}, { version: 2 }, 2), 'DATASET_NOT_OWNED')
  t.equal(world.call(scene.researcher, 'anonymization', 'define', { dataset: bytes32('other'), version: 1, terms: TERMS }).code, 'INSTITUTION_NEEDED')
  t.equal(scene.define({ k: 10 }, { version: 2 }), 'OK')
  t.match(readerOf(world.state).get(datasets, DATASET), { owner: 1, latest: 2, accepted: 0 })
  t.equal(scene.request(undefined, { version: 1 }).receipt.code, 'DATASET_UNKNOWN', 'only the newest version is released')
})

t.test('a request is a decision: purpose, institution and certified role must all fit, and a denial leaves no state', async (t) => {
  const scene = new Scene()
  const { world } = scene
  t.equal(scene.decision(), 'permit')
  t.equal(scene.decision(undefined, { purpose: 'CLINTRCH' }), 'permit', 'a purpose covers its children')
  t.equal(scene.decision(undefined, { purpose: 'TREAT' }), 'deny')
  t.equal(scene.decision(undefined, { purpose: 'PUBHLTH' }), 'deny', 'the policy would admit it, the data set does not')
  const foreign = world.enroll(3, 'researcher', 'foreign')
  world.certify(3, foreign.account, 'role', ROLES.researcher)
  t.equal(scene.decision(foreign), 'deny', 'the institution is no recipient')
  const uncertified = world.enroll(2, 'researcher', 'uncertified')
  t.equal(scene.decision(uncertified), 'deny')
  const denied = scene.request(uncertified)
  t.equal(denied.receipt.code, 'OK')
  t.equal(scene.select(1, denied.id), 'REQUEST_NOT_OPEN')
  t.equal(scene.request(undefined, { dataset: bytes32('none') }).receipt.code, 'DATASET_UNKNOWN')
})

t.test('a release needs the selections it was asked for, by an author who has part in it', async (t) => {
  const scene = new Scene(5)
  const { world } = scene
  const { id } = scene.request()
  t.equal(scene.select(1, bytes32('no request')), 'REQUEST_NOT_OPEN')
  t.equal(scene.select(1, id, 0), 'SELECTION_EMPTY')
  t.equal(scene.select(1, id), 'OK')
  t.equal(scene.select(1, id), 'SELECTION_TWICE')
  t.equal(scene.select(2, id), 'OK')
  t.equal(scene.release(id).code, 'CONTRIBUTORS_TOO_FEW')
  t.equal(scene.select(3, id), 'OK')
  const lastSelection = world.height
  t.equal(scene.release(id, {}, {}, 4).code, 'AUTHOR_NOT_CONTRIBUTOR')
  t.equal(scene.release(id, {}, { readAtHeight: lastSelection - 1n }).code, 'READ_HEIGHT_INVALID', 'before the last selection')
  t.equal(scene.release(id, {}, { readAtHeight: world.height + 9n }).code, 'READ_HEIGHT_INVALID')
  t.equal(world.call(scene.researcher, 'anonymization', 'release', { request: id, release: bytes32('x'), document: bytes32('x'), readAtHeight: world.height, figures: FIGURES }).code, 'INSTITUTION_NEEDED')
  t.equal(scene.release(id).code, 'OK')
  t.equal(scene.release(id).code, 'RELEASE_AWAITS_VERDICT')
  t.equal(scene.select(4, id), 'RELEASE_AWAITS_VERDICT')
})

t.test('figures that miss the policy or contradict each other are refused before anybody checks', async (t) => {
  const scene = new Scene()
  const id = scene.selected()
  for (const [figures, code] of [
    [{ smallestClass: 4, prosecutorPpm: 250_000 }, 'RELEASE_MISSES_POLICY'], [{ rows: 90, suppressed: 10 }, 'RELEASE_MISSES_POLICY'], [{ smallestClass: 9, prosecutorPpm: 111_111 }, 'RELEASE_FIGURES_INVALID'],
    [{ classes: 20 }, 'RELEASE_FIGURES_INVALID'], [{ rows: 116, classes: 1, suppressed: 5 }, 'RELEASE_FIGURES_INVALID'], [{ rows: 0, classes: 0 }, 'RELEASE_FIGURES_INVALID'], [{ lossPpm: 1_000_001 }, 'RELEASE_FIGURES_INVALID'],
  ] as [Partial<Figures>, string][]) t.equal(scene.release(id, figures).code, code, JSON.stringify(figures))
  t.equal(scene.release(id).code, 'OK')
})

t.test('more than two thirds of all members accept; so many faults that they cannot any more refuse, and name the author', async (t) => {
  for (const [members, needed] of [[3, 3], [4, 3], [5, 4], [6, 5], [7, 5]] as const) {
    t.equal(isAccepted(needed, members), true, `${needed} of ${members}`)
    t.equal(isAccepted(needed - 1, members), false)
    t.equal(isRefused(members - needed + 1, members), true)
    t.equal(isRefused(members - needed, members), false)
  }
  const scene = new Scene()
  const reader = readerOf(scene.world.state)
  const bad = scene.release(scene.selected(), {}, {}, 3).id
  t.equal(scene.attest(1, bytes32('none')).code, 'RELEASE_UNKNOWN')
  t.same(eventNames(scene.attest(1, bad, 'sound')), ['attested'])
  t.same(eventNames(scene.attest(2, bad, 'policy')), ['attested'])
  t.equal(scene.attest(2, bad, 'sound').code, 'ATTESTED_ALREADY')
  const refusal = scene.attest(4, bad, 'rows')
  t.same(eventNames(refusal), ['attested', 'refused'])
  t.match(decode(anonymizationEvents.refused, refusal.events[1]!.data), { author: 3, verdict: 'rows', version: 1 })
  t.equal(scene.attest(3, bad).code, 'RELEASE_DECIDED')
  t.equal(reader.get(releases, bad)?.state, 'refused')
  t.match(reader.get(releaseAttestations, bad, 2), { verdict: 'policy' })
  const { request } = reader.get(releases, bad)!
  const good = scene.release(request, {}, { release: bytes32('better') }).id
  for (const member of [1, 2]) t.same(eventNames(scene.attest(member, good)), ['attested'])
  t.same(eventNames(scene.attest(3, good)), ['attested', 'accepted'])
  t.same([reader.get(datasets, DATASET)?.accepted, reader.get(acceptedReleases, DATASET, 0)], [1, good])
  t.equal(scene.release(request).code, 'RELEASE_AWAITS_VERDICT', 'one request, one release')
})

t.test('a request ends with its time and with its data-set version', async (t) => {
  const scene = new Scene()
  const id = scene.selected()
  t.equal(scene.define({}, { version: 2 }), 'OK')
  t.equal(scene.release(id).code, 'REQUEST_NOT_OPEN')
  const late = new Scene()
  const other = late.selected()
  late.world.timeMs += 31n * 86_400_000n
  t.equal(late.release(other).code, 'REQUEST_NOT_OPEN')
})
