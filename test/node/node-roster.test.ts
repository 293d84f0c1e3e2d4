// Goal: a node that leaves is let go at the right moment, and one that comes back takes part under its new number only. Method: the production functions over states that the production contract made.
import t from 'tap'
import { maySettle } from '../../node/node-roster.ts'
import { OwnKeys } from '../../node/own-keys.ts'
import { SimMembers, changeTransaction } from '../sim/sim-members.ts'

const SPARE_NODES = 10
const keys = (byte: number) => Object.fromEntries(['transport', 'attestation', 'governance', 'operator'].map((name, i) => [name, new Uint8Array(32).fill(byte + i)])) as unknown as ConstructorParameters<typeof OwnKeys>[1]

/** Takes all steps of one decision. */
function decide(members: SimMembers, transaction: number): SimMembers {
  let now = members.decided(transaction, 1, SPARE_NODES)
  for (let height = 2; now.step !== undefined; height++) now = now.activated(height).members
  return now
}

/** What a leader knows: the block that took the vote is at height 5 and index 7. */
function leader(more: { readonly final?: number; readonly committed?: number; readonly peer?: { readonly match: number; readonly recentlyActive: boolean } }): Parameters<typeof maySettle>[1] {
  const { final = 5, committed = 8, peer } = more
  return {
    driver: { status: { committedIndex: committed, peers: peer === undefined ? [] : [{ id: 3, state: 'replicate', ...peer }] } }, finality: { finalHeight: final }, ledger: { indexOfHeight: () => 7 },
    executor: { tip: { timeMs: 1_000n } }, clock: { nowMs: () => 1_000 }, rules: { changeHeights: [5] },
  } as unknown as Parameters<typeof maySettle>[1]
}

t.test('a node that leaves is let go only once the end of its vote is final and it has heard of it, or is down (CCF#5919)', async (t) => {
  const step = { stage: 'drop', node: 3, due: false } as const
  t.equal(maySettle(step, leader({ final: 4, peer: { match: 8, recentlyActive: true } })), false, 'not final')
  t.equal(maySettle(step, leader({ peer: { match: 7, recentlyActive: true } })), false, 'it has the block, but not its commit')
  t.equal(maySettle(step, leader({ peer: { match: 8, recentlyActive: true } })), true)
  t.equal(maySettle(step, leader({ peer: { match: 2, recentlyActive: false } })), true, 'nobody waits for who is down')
})

t.test('a member that is removed while its node is down and voted in again takes the next number; the old one is refused for good (Fabric#3992)', async (t) => {
  const before = SimMembers.genesis([1, 2, 3])
  const without = decide(before, changeTransaction('remove', 2))
  t.same(without.configuration.voters, [1, 2])
  const again = decide(without, changeTransaction('add', 0))
  t.same(again.configuration.voters, [1, 2, 4], 'no number is given twice')
  const old = new OwnKeys(3, keys(1))
  for (const state of [without, again]) t.throws(() => old.admit(state.reader, { joins: true, formerly: [] }), { code: 'NODE_REMOVED' }, 'whatever file of peers it is given')
  t.equal(new OwnKeys(4, keys(9)).admit(before.reader, { joins: true, formerly: [] }), 'absent', 'under its new number it goes on from the state it was left with')
  t.throws(() => new OwnKeys(4, keys(9)).admit(before.reader, { joins: false, formerly: [] }), { code: 'NODE_UNKNOWN' })
})
