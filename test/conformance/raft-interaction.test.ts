import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { parseDatadriven } from '../helpers/raft-datadriven.ts'
import { InteractionEnvironment } from '../helpers/raft-interaction.ts'

const folder = corpusPath('raft-etcd/interaction')

/** Files that test what this core leaves out on purpose. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'forget_leader_read_only_lease_based.txt': 'reads by lease are not offered: they trust clocks',
  'confchange_disable_validation.txt': 'the checks of a change cannot be switched off',
}

t.test('logs, progress and roles after etcd\'s interaction files are the ones printed there', { skip: folder === undefined ? CORPUS_ABSENT : false }, async (t) => {
  if (folder === undefined) return
  let compared = 0
  for (const file of readdirSync(folder)) {
    if (LEFT_OUT[file] !== undefined) continue
    await t.test(file, async (t) => {
      const environment = new InteractionEnvironment()
      for (const directive of parseDatadriven(join(folder, file))) {
        const printed = environment.run(directive)
        if (printed === undefined) continue
        compared++
        t.equal(printed, directive.expected.split('\n').filter((line) => !/^\s*(INFO|DEBUG|WARN|ERROR) /.test(line)).join('\n'), `${file}:${directive.line}`)
      }
    })
  }
  t.ok(compared > 30, `${compared} states compared`)
})
