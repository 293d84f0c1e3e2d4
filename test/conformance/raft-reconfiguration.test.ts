import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { changeSimply, configurationOf, enterJoint, leaveJoint } from '../../consensus/core/reconfiguration.ts'
import type { Change, Configuration, Reconfigured, ReconfigurationFault } from '../../consensus/core/reconfiguration.ts'
import { Tracker } from '../../consensus/core/tracker.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { parseDatadriven } from '../helpers/raft-datadriven.ts'
import type { Directive } from '../helpers/raft-datadriven.ts'

const folder = corpusPath('raft-etcd/confchange')
const KINDS: Readonly<Record<string, Change['kind']>> = { v: 'voter', l: 'learner', r: 'remove', u: 'update' }
const FAULTS: Readonly<Record<ReconfigurationFault, string>> = {
  'already-joint': 'config is already joint',
  'no-voters-to-join': "can't make a zero-voter config joint",
  'not-joint': "can't leave a non-joint config",
  'joint': "can't apply simple config change in joint config",
  'many-voters': 'more than one voter changed without entering joint config',
  'no-voters': 'removed all voters',
}

t.test('changes of the configuration are allowed and refused as etcd\'s golden files say', { skip: folder === undefined ? CORPUS_ABSENT : false }, async (t) => {
  if (folder === undefined) return
  for (const file of readdirSync(folder)) {
    const tracker = new Tracker(configurationOf([]), 0, { maxInflightMessages: 10, maxInflightBytes: Infinity })
    for (const [number, directive] of parseDatadriven(join(folder, file)).entries()) {
      t.equal(run(tracker, directive, number), directive.expected, `${file}:${directive.line}`)
    }
  }
})

/** `lastIndex` grows with each command, so that `next` tells when a progress was made. */
function run(tracker: Tracker, { args, command, input }: Directive, lastIndex: number): string {
  const changes = input.split(' ').filter((token) => token !== '').map((token): Change => ({ kind: KINDS[token.charAt(0)] ?? 'update', node: Number(token.slice(1)) }))
  const from = tracker.configuration
  let result: Reconfigured
  if (command === 'simple') result = changeSimply(from, changes)
  else if (command === 'enter-joint') result = enterJoint(from, changes, args.get('autoleave')?.[0] === 'true')
  else result = leaveJoint(from)
  if ('fault' in result) return FAULTS[result.fault]
  tracker.switchTo(result.configuration, lastIndex)
  const rows = [...tracker.nodes].map(([id, { match, next, learner }]) => `${id}: StateProbe match=${match} next=${next}${learner ? ' learner' : ''}`)
  return [describe(tracker.configuration), ...rows].join('\n')
}

function describe({ voters, outgoing, learners, learnersNext, autoLeave }: Configuration): string {
  const list = (ids: readonly number[]): string => `(${ids.join(' ')})`
  return `voters=${list(voters)}${outgoing.length > 0 ? `&&${list(outgoing)}` : ''}${learners.length > 0 ? ` learners=${list(learners)}` : ''}${learnersNext.length > 0 ? ` learners_next=${list(learnersNext)}` : ''}${autoLeave ? ' autoleave' : ''}`
}
