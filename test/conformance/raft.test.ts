import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { findFiles, hasPassed, runFile } from './raft/suite.ts'

const RUNNER = join(dirname(fileURLToPath(import.meta.url)), 'raft.ts')
const corpus = corpusPath('raft-etcd')

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
  const folder = t.testdir({ notes: { 'read.txt': 'no command here' } })
  t.match(await runner(), { code: 2, stderr: /one folder is needed/ })
  t.match(await runner(join(folder, 'absent')), { code: 2, stderr: /absent does not exist/ })
  t.match(await runner(folder), { code: 2, stderr: /no \.txt file below/ })
  t.match(await runner('--fast', folder), { code: 2, stderr: /--fast/ })
  t.match(await runner('--help'), { code: 0, stdout: /Examples:/ })
})

t.test('a malformed file fails with file and line', async (t) => {
  const folder = t.testdir({
    interaction: {
      'node.txt': '# no node yet\ncampaign 7\n----\nok\n',
      'number.txt': 'add-nodes three\n----\nok\n',
      'option.txt': 'add-nodes 1 color=red\n----\nok\n',
      'output.txt': 'raft-state\n\nraft-state\n',
      'list.txt': 'add-nodes 1 voters=(1\n----\nok\n',
      'fence.txt': 'raft-state\n----\n----\n1: StateFollower\n',
      'empty.txt': '# nothing\n',
      'crash.txt': 'add-nodes 1 voters=(1) index=2\n----\nok\n\ncompact 1 9\n----\nok\n',
    },
    quorum: { 'key.txt': 'committed cfg=(1,2) idx=(1,2) cfgk=(3)\n----\n1\n', 'command.txt': 'elect cfg=(1) idx=(1)\n----\n1\n' },
    confchange: { 'subtest.txt': 'subtest a\n\nsimple\nv1\n----\n1\n\nsubtest end b\n', 'open.txt': 'subtest a\nsimple\nv1\n----\n1\n' },
  })
  const errors = new Map(findFiles(folder).map(({ path, family }) => [path.slice(folder.length + 1), runFile(path, family, false).error]))
  t.match(errors.get('interaction/node.txt'), /node\.txt:2: campaign: there is no node 7/)
  t.match(errors.get('interaction/number.txt'), /number\.txt:1: .*"three" is no unsigned integer/)
  t.match(errors.get('interaction/option.txt'), /option\.txt:1: add-nodes: unknown option color/)
  t.match(errors.get('interaction/output.txt'), /output\.txt:1: no line "----"/)
  t.match(errors.get('interaction/list.txt'), /list\.txt:1: the list of voters is not closed/)
  t.match(errors.get('interaction/fence.txt'), /fence\.txt:1: the output fenced/)
  t.match(errors.get('interaction/empty.txt'), /empty\.txt: the file has no command/)
  t.match(errors.get('interaction/crash.txt'), /crash\.txt:5: compact: 9 is out of bound/)
  t.match(errors.get('quorum/key.txt'), /key\.txt:1: committed: unknown argument cfgk/)
  t.match(errors.get('quorum/command.txt'), /command\.txt:1: unknown command elect/)
  t.match(errors.get('confchange/subtest.txt'), /subtest\.txt:8: "subtest end b" begins or ends no subtest/)
  t.match(errors.get('confchange/open.txt'), /open\.txt: the subtest a does not end/)
})

t.test('files in any spelling that the Go harness reads run as there, and what it prints of mistakes is printed', async (t) => {
  const folder = t.testdir({
    quorum: { 'spelling.txt': '  # indented\r\nsubtest one\n  committed \\\n   idx=(_,5,7)   cfg=(1, 2, 3)\n----\n       idx\n?        0    (id=1)\nx>       5    (id=2)\nxx>      7    (id=3)\n5\n  \nsubtest end one\nvote cfg=(1,2) votes=(y)\n----\n----\nerror: mismatched input (explicit or _) for voters map[1:{} 2:{}]: [2]\n\n----\n----\n' },
    confchange: { 'mistakes.txt': 'complex\nv1\n----\nunknown command\n\nsimple\nv0\n----\nremoved all voters\n\nsimple\n v1 \n----\nvoters=(1)\n1: StateProbe match=0 next=2\n\nenter-joint autoleave=T\nv2 r1\n----\nvoters=(2)&&(1) autoleave\n1: StateProbe match=0 next=2\n2: StateProbe match=0 next=3\n' },
    interaction: { 'mistakes.txt': 'fly-away 1\n----\nunknown command\n\n_breakpoint:\n----\nunknown command\n\nlog-level none\n----\nok\n\nadd-nodes 1 voters=(1) index=2 prevote=1\n----\nok\n\nfly-away\n----\nunknown command\n' },
  })
  const text = await runner(folder)
  t.equal(text.code, 0, text.stdout)
  t.match(text.stdout, /3 files: 3 passed, 0 failed; 11 of 11 commands/)
})

t.test('a difference is shown with its place and both texts, and makes the run fail', async (t) => {
  const folder = t.testdir({ interaction: { 'wrong.txt': 'add-nodes 1 voters=(1) index=2\n----\nok\n\nraft-state\n----\n1: StateLeader (Voter) Term:0 Lead:0\n' } })
  const text = await runner(folder)
  t.match(text, { code: 1, stdout: /FAILED {2}interaction\/wrong\.txt {2}1\/2 commands\n {2}first difference: .*wrong\.txt:5 raft-state.*\n {4}- 1: StateLeader.*\n {4}\+ 1: StateFollower/ })
  t.match(text.stdout, /1 files: 0 passed, 1 failed/)
  const json = await runner(folder, '--json')
  t.equal(json.code, 1)
  t.match(JSON.parse(json.stdout), { summary: { files: 1, failed: 1, strict: false }, files: [{ family: 'interaction', difference: { actual: /StateFollower/ } }] })
})

t.test('every datadriven file of etcd-io/raft prints on our core what it prints on etcd\'s', { skip: corpus === undefined ? CORPUS_ABSENT : false }, async (t) => {
  if (corpus === undefined) return
  const files = findFiles(corpus)
  t.ok(files.length >= 33, `${files.length} files`)
  for (const { path, family } of files) {
    const result = runFile(path, family, false)
    t.ok(hasPassed(result), path.slice(corpus.length + 1), { difference: result.difference, error: result.error })
  }
})

t.test('they all pass with every log line compared too', { skip: corpus === undefined ? CORPUS_ABSENT : false }, async (t) => {
  if (corpus === undefined) return
  const results = findFiles(corpus).map(({ path, family }) => runFile(path, family, true))
  const failed = results.filter((result) => !hasPassed(result)).map(({ file }) => file.slice(corpus.length + 1))
  t.same(failed, [], `${results.length} files`)
})
