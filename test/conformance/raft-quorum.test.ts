import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { jointCommitted, jointVote, majorityCommitted, majorityVote } from '../../consensus/core/quorum.ts'
import type { AckedIndex } from '../../consensus/core/quorum.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { parseDatadriven } from '../helpers/raft-datadriven.ts'
import type { Directive } from '../helpers/raft-datadriven.ts'

const folder = corpusPath('raft-etcd/quorum')

t.test('majority and joint quorums decide as etcd\'s golden files say', { skip: folder === undefined ? CORPUS_ABSENT : false }, async (t) => {
  if (folder === undefined) return
  for (const file of readdirSync(folder)) {
    for (const directive of parseDatadriven(join(folder, file))) t.equal(run(directive), directive.expected, `${file}:${directive.line}`)
  }
})

function run({ args, command }: Directive): string {
  const cfg = ids(args.get('cfg'))
  const joint = args.has('cfgj')
  const cfgj = args.get('cfgj')?.[0] === 'zero' ? [] : ids(args.get('cfgj'))
  const voters = [...new Set([...cfg, ...cfgj])]
  const given = args.get(command === 'vote' ? 'votes' : 'idx') ?? []
  if (command === 'vote') {
    const votes = new Map(voters.flatMap((id, i) => (given[i] === '_' || given[i] === undefined ? [] : [[id, given[i] === 'y']] as const)))
    const result = joint ? jointVote({ incoming: cfg, outgoing: cfgj }, votes) : majorityVote(cfg, votes)
    const swapped = jointVote({ incoming: cfgj, outgoing: cfg }, votes)
    return swapped === result ? `Vote${result[0]?.toUpperCase()}${result.slice(1)}` : `${result}, but ${swapped} with the halves exchanged`
  }
  const indexes = new Map(voters.flatMap((id, i) => (given[i] === '_' || given[i] === undefined ? [] : [[id, Number(given[i])]] as const)))
  const acked: AckedIndex = (id) => indexes.get(id)
  const result = joint ? jointCommitted({ incoming: cfg, outgoing: cfgj }, acked) : majorityCommitted(cfg, acked)
  const contradiction = contradictions(cfg, cfgj, indexes, result, joint)
  return contradiction ?? `${chart(joint ? voters : cfg, acked)}${Number.isFinite(result) ? result : '∞'}`
}

/** What the Go harness asserts beside the printed result; undefined when all holds. */
function contradictions(cfg: number[], cfgj: number[], indexes: ReadonlyMap<number, number>, result: number, joint: boolean): string | undefined {
  const acked: AckedIndex = (id) => indexes.get(id)
  if (joint) return jointCommitted({ incoming: cfgj, outgoing: cfg }, acked) === result ? undefined : 'not symmetric'
  if (jointCommitted({ incoming: cfg, outgoing: [] }, acked) !== result) return 'joining nothing changes the result'
  if (jointCommitted({ incoming: cfg, outgoing: cfg }, acked) !== result) return 'joining itself changes the result'
  if (alternative(cfg, acked) !== result) return 'counting instead of sorting changes the result'
  for (const [id, index] of indexes) {
    if (index >= result || index === 0) continue
    for (const lower of [index - 1, 0]) if (majorityCommitted(cfg, (other) => (other === id ? lower : acked(other))) !== result) return 'lowering one below the result changes it'
  }
  return undefined
}

/** The highest acknowledged index that more than half acknowledge. */
function alternative(cfg: readonly number[], acked: AckedIndex): number {
  if (cfg.length === 0) return Infinity
  const enough = cfg.map((id) => acked(id) ?? 0).filter((index) => cfg.filter((id) => (acked(id) ?? 0) >= index).length > cfg.length / 2)
  return Math.max(0, ...enough)
}

/** The bars that the golden files print. */
function chart(voters: readonly number[], acked: AckedIndex): string {
  if (voters.length === 0) return '<empty majority quorum>'
  const all = voters.map((id) => acked(id) ?? 0)
  const rows = [...voters].sort((a, b) => a - b).map((id) => {
    const index = acked(id)
    const bar = all.filter((other) => other < (index ?? 0)).length
    const drawn = index === undefined ? `?${' '.repeat(voters.length)}` : `${'x'.repeat(bar)}>${' '.repeat(voters.length - bar)}`
    return `${drawn} ${String(index ?? 0).padStart(5)}    (id=${id.toString(16)})\n`
  })
  return `${' '.repeat(voters.length)}    idx\n${rows.join('')}`
}

function ids(texts: readonly string[] | undefined): number[] {
  return (texts ?? []).map(Number)
}
