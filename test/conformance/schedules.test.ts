import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { ScheduleCluster } from './schedules/cluster.ts'
import { ScheduleInvariants } from './schedules/invariants.ts'
import { runSchedule } from './schedules/run.ts'

const RUNNER = join(dirname(fileURLToPath(import.meta.url)), 'schedules.ts')
const corpus = corpusPath('raft-ccf')
/** These change the leader away or stack changes, which goes another way in CCF; their safety and convergence are checked like the others'. */
const UNMAPPED = ['election_while_reconfiguration', 'nominate_successor', 'reconfig_01_12', 'reconfig_01_23', 'reconfig_01_el0_12', 'reconfig_01_el0_23', 'reconfig_01_el1_12', 'reconfig_01_el2_12', 'reconfig_0_1', 'retire_backup', 'rollback_safety']

const START = `start_node,0\nemit_signature,2\ntrust_nodes,2,1,2\nemit_signature,2\n${'periodic_all,10\ndispatch_all\n'.repeat(4)}`

interface Outcome { readonly code: number; readonly stdout: string; readonly stderr: string }

async function runner(...args: string[]): Promise<Outcome> {
  try {
    return { code: 0, ...await promisify(execFile)(process.execPath, [RUNNER, ...args]) }
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome
    return { code, stdout, stderr }
  }
}

t.test('the runner refuses what it cannot run, and says why', async (t) => {
  const folder = t.testdir({ empty: { LICENSE: 'text' }, bad: { one: `${START}assert_commit_idx,0,9\n`, two: 'start_node,0\nfly,0\n' } })
  t.match(await runner(), { code: 2, stderr: /a folder or file is needed/ })
  t.match(await runner(join(folder, 'absent')), { code: 2, stderr: /absent does not exist/ })
  t.match(await runner(join(folder, 'empty')), { code: 2, stderr: /no schedule in/ })
  t.match(await runner('--help'), { code: 0, stdout: /Examples:/ })
  const bad = await runner(join(folder, 'bad'))
  t.match(bad, { code: 1, stdout: /FAILED.*one.*\n {2}reason: .*one:13: assert_commit_idx: commit index of node 0: 9 expected, 4 here/ })
  t.match(bad.stdout, /FAILED.*two.*\n {2}reason: .*two:2: unknown verb "fly"/)
  t.match(JSON.parse((await runner(join(folder, 'bad'), '--json')).stdout), { summary: { files: 2, failed: 2 } })
})

t.test('malformed lines are named with their place', async (t) => {
  const reasonOf = (text: string): string | undefined => runSchedule(join(t.testdir({ schedule: text }), 'schedule')).reason
  t.match(reasonOf('start_node,0,1\n'), /schedule:1: start_node takes at least 0 arguments, not 2/)
  t.match(reasonOf('# only a comment\n'), /the schedule has no step/)
  t.match(reasonOf(`${START}\nperiodic_one,1,soon\n`), /schedule:14: periodic_one: "soon" is no unsigned integer/)
  t.match(reasonOf(`${START}dispatch_one,7\n`), /schedule:13: there is no node "7"/)
  t.match(reasonOf(`${START}swap_nodes,2,1,2\n`), /"in" or "out" follows the term/)
  t.match(reasonOf(`${START}assert_detail,0,mood,Good\n`), /unknown detail "mood"/)
  t.match(reasonOf(`${START}replicate,7,x\n`), /schedule:13: replicate: nobody leads term 7/)
  t.equal(reasonOf(`${START}====\nfly\n`), undefined, 'a line of equals signs ends the schedule')
})

t.test('forms of the oldest and the newest schedules', async (t) => {
  const outcomeOf = (text: string): unknown => { const { outcome, held, expectations, reason } = runSchedule(join(t.testdir({ schedule: text }), 'schedule')); return [outcome, held, expectations, reason] }
  const connected = 'connect,0,1\nconnect,1,2\nconnect,0,2\nperiodic_one,0,110\ndispatch_all\nassert_is_primary,0\nassert_detail,0,current_view,1\n'
  t.same(outcomeOf(`nodes,3\n${connected}replicate,0,1,text\nemit_signature,1\nperiodic_all,10\ndispatch_all\nassert_commit_idx,0,2\n`), ['passed', 3, 3, undefined], 'nodes are counted; the leader stands before the term')
  t.same(outcomeOf(`nodes,0,1,2\n${connected}`), ['passed', 2, 2, undefined], 'nodes are named')
  t.same(outcomeOf('nodes,0\nperiodic_one,0,500\nassert_detail,0,current_view,1\n'), ['passed', 1, 1, undefined], 'a network of one that is elected begins with term 1')
  t.same(outcomeOf('start_node\nassert_detail,0,current_view,2\nmark_seed,here\n'), ['passed', 1, 1, undefined], 'a start node leads term 2')
  t.same(outcomeOf(`${START}drop_pending,0\nreplicate,2,x\nemit_signature,2\nperiodic_one,0,10\ndispatch_one_first_n,0,1\nassert_last_txid,1,2.6\nassert_last_txid,2,2.4\nassert_loop_sync,50,0,1,2\nassert_state_sync\n`), ['passed', 4, 4, undefined], 'only the first message leaves')
})

t.test('the invariants notice two leaders of a term and a lost committed entry', async (t) => {
  const cluster = new ScheduleCluster({})
  cluster.start('0')
  cluster.append('2', { kind: 'signature', text: 'a' })
  const [node] = cluster.ordered
  if (node === undefined) throw new Error('there is a node')
  const other = new ScheduleCluster({})
  other.start('0')
  const [rival] = other.ordered
  if (rival === undefined) throw new Error('there is a node')
  const invariants = new ScheduleInvariants(new Map([[1, node], [2, rival]]))
  invariants.stepped(node)
  Object.defineProperty(rival, 'id', { value: 2 })
  t.throws(() => invariants.stepped(rival), /both lead term 2|lacks the committed entry/)
  const [first, second] = node.log.entryList
  if (first === undefined || second === undefined) throw new Error('the node has committed two entries')
  node.log.entryList[1] = { ...second, data: new Uint8Array([1]) }
  t.throws(() => invariants.checkAll(), /committed another entry at index 2/)
})

t.test('schedules of earlier formats run too: networks without a start node, no pre-vote, names of roles', async (t) => {
  const folder = t.testdir({
    nodes: 'nodes,0,1,2\nconnect,0,1\nconnect,1,2\nconnect,0,2\nperiodic_one,0,110\ndispatch_all\nperiodic_all,10\ndispatch_all\nassert_is_primary,0\nassert_isnot_backup,0\nreplicate,1,x\nemit_signature,1\nperiodic_all,10\ndispatch_all\nassert_is_backup,1\n',
    candidate: `${START}periodic_one,1,100\nassert_is_candidate,1\nassert_missing_config,1,9\n`,
  })
  t.match(runSchedule(join(folder, 'nodes')), { outcome: 'passed', expectations: 3, held: 3 })
  t.match(runSchedule(join(folder, 'candidate')), { outcome: 'passed', expectations: 2, held: 2 })
})

t.test('a difference to CCF excuses an expectation only after it has occurred', async (t) => {
  const folder = t.testdir({
    before: `${START}assert_detail,1,leadership_state,Leader\nperiodic_one,0,100\n`,
    after: `${START}periodic_one,0,10\nswap_nodes,2,out,1\nassert_commit_idx,0,99\n`,
  })
  t.match(runSchedule(join(folder, 'before')), { outcome: 'failed', reason: /Leader expected, Follower here$/ })
  t.match(runSchedule(join(folder, 'after')), { outcome: 'passed', setAside: /99 expected.*; a change of the configuration was under way/ })
})

t.test('CCF\'s schedules keep committed entries safe after every line, and converge', { skip: corpus === undefined ? CORPUS_ABSENT : false }, async (t) => {
  if (corpus === undefined) return
  let [expectations, held] = [0, 0]
  for (const file of readdirSync(corpus)) {
    if (file === 'LICENSE') continue
    const result = runSchedule(join(corpus, file))
    t.equal(result.outcome, UNMAPPED.includes(file) ? 'unmapped' : 'passed', file, { reason: result.reason })
    expectations += result.expectations
    held += result.held
  }
  t.ok(held > 340, `${held} of ${expectations} expectations held`)
})
