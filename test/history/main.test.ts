// Goal: `npm run check:history` prints and exits as its help says. Method: run it on small files. The corpus: every known verdict is met.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { testDirectory } from '../helpers/directory.ts'

const corpus = corpusPath('histories')

function run(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8' })
}
const log = (...events: string[]): string => events.map((event) => `INFO  jepsen.util - ${event}\n`).join('')

t.test('one line per file, and the exit code of the worst', async (t) => {
  const folder = t.testdir({ a: { 'bad.log': log('0 :invoke :read nil', '0 :ok :read 1'), 'good.log': log('0 :invoke :read nil', '0 :ok :read nil'), 'notes.md': 'no history' }, 'torn.log': 'INFO  jepsen.util - 0 :x' })
  const both = run(join(folder, 'a'))
  t.equal(both.stdout, `${folder}/a/bad.log not-linearizable\n${folder}/a/good.log linearizable\n`, 'a folder stands for the histories in it')
  t.equal(both.status, 1)
  t.match(both.stderr, 'process 0: read saw 1', 'the trouble is named')
  t.equal(run(join(folder, 'a', 'good.log')).status, 0)
  const torn = run(join(folder, 'torn.log'))
  t.equal(torn.status, 2)
  t.match(torn.stderr, /torn\.log: HISTORY_MALFORMED: .*line=1/)
  t.match(JSON.parse(run('--json', join(folder, 'a', 'bad.log')).stdout), { exitCode: 1, files: [{ form: 'etcd', verdict: 'not-linearizable', operations: 1, troubles: [{ key: '' }] }] })
})

t.test('limits end in undecided, exit code 3', async (t) => {
  const invokes = Array.from({ length: 15 }, (_, i) => `{:process ${i}, :type :invoke, :f :append, :key "k", :value "${i} "}`)
  const returns = invokes.map((line) => line.replace('invoke', 'ok'))
  const file = join(testDirectory(t), 'hard.txt')
  writeFileSync(file, [...invokes, ...returns, '{:process 0, :type :invoke, :f :get, :key "k", :value nil}', '{:process 0, :type :ok, :f :get, :key "k", :value "?"}'].join('\n'))
  const { status, stdout } = run('--max-memory', '1', file)
  t.equal(stdout, `${file} undecided\n`)
  t.equal(status, 3)
})

t.test('wrong use is told in one line, exit code 2', async (t) => {
  for (const [args, said] of [[[], /name at least one history/], [['--timeout', 'x', 'f'], /--timeout x: must be a number above 0/], [['--nonsense'], /--nonsense/], [['absent.log'], /absent\.log/]] as const) {
    const { status, stderr } = run(...args)
    t.equal(status, 2)
    t.match(stderr, said)
    t.notMatch(stderr, /\n {4}at /, 'no stack')
  }
  t.match(run('--help').stdout, /Examples:/)
})

t.test('every verdict of the corpus is met', { skip: corpus === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const { status, stderr } = run('--expected', '--quiet', corpus!)
  t.match(stderr, /^64 of 64 known verdicts agree; 0 files without one$/m)
  t.equal(status, 0)
})
