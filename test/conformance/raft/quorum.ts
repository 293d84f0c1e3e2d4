import { jointCommitted, jointVote, majorityCommitted, majorityVote } from '../../../consensus/core/quorum.ts'
import type { AckedIndex } from '../../../consensus/core/quorum.ts'
import { ConformanceFileError, numberOf, valuesOf } from './datadriven.ts'
import type { Directive } from './datadriven.ts'

/** How voters with equal indexes are drawn: alike, or (etcd-io/raft up to v3.6) only the first with a bar. */
export type TiedBars = 'alike' | 'first'

/** Runs one command of etcd's quorum files: what `vote` or `committed` prints, and a note where a rule that the harness checks beside it is broken. */
export function runQuorum(directive: Directive, tied: TiedBars = 'alike'): string {
  for (const { key } of directive.args) if (!['cfg', 'cfgj', 'idx', 'votes'].includes(key)) throw new ConformanceFileError(directive.place, `${directive.command}: unknown argument ${key}`)
  const ids = (key: string): number[] => (valuesOf(directive, key) ?? []).map((text) => numberOf(directive, text, key))
  const zero = valuesOf(directive, 'cfgj')?.[0] === 'zero'
  const cfg = ids('cfg')
  const cfgj = zero ? [] : ids('cfgj')
  const joint = zero || cfgj.length > 0
  const mismatch = mismatchOf(directive, [...new Set([...cfg, ...cfgj])])
  if (mismatch !== undefined) return mismatch
  if (directive.command === 'vote') return runVote(directive, cfg, cfgj, joint)
  if (directive.command === 'committed') return runCommitted(directive, cfg, cfgj, joint, tied)
  throw new ConformanceFileError(directive.place, `unknown command ${directive.command}`)
}

/** Go's words for values that are not one per voter; it prints a set of ids and the values with 0 for what is not known and 2 and 1 for y and n. */
function mismatchOf(directive: Directive, voters: readonly number[]): string | undefined {
  const isVote = directive.command === 'vote'
  const texts = valuesOf(directive, isVote ? 'votes' : 'idx') ?? []
  if (texts.length === voters.length) return undefined
  const values = texts.map((text) => (text === '_' ? '0' : text === 'y' ? '2' : text === 'n' ? '1' : text))
  return `error: mismatched input (explicit or _) for voters map[${[...voters].sort((a, b) => a - b).map((id) => `${id}:{}`).join(' ')}]: [${values.join(' ')}]`
}

function runVote(directive: Directive, cfg: number[], cfgj: number[], joint: boolean): string {
  const votes = given(directive, 'votes', [...cfg, ...cfgj], (text) => {
    if (text !== 'y' && text !== 'n') throw new ConformanceFileError(directive.place, `unknown vote ${text}`)
    return text === 'y'
  })
  const result = joint ? jointVote({ incoming: cfg, outgoing: cfgj }, votes) : majorityVote(cfg, votes)
  const swapped = jointVote({ incoming: cfgj, outgoing: cfg }, votes)
  return swapped === result ? `Vote${result[0]?.toUpperCase()}${result.slice(1)}` : `${result}, but ${swapped} with the halves exchanged`
}

function runCommitted(directive: Directive, cfg: number[], cfgj: number[], joint: boolean, tied: TiedBars): string {
  const indexes = given(directive, 'idx', [...cfg, ...cfgj], (text) => numberOf(directive, text, 'idx'))
  const acked: AckedIndex = (id) => indexes.get(id)
  const result = joint ? jointCommitted({ incoming: cfg, outgoing: cfgj }, acked) : majorityCommitted(cfg, acked)
  const contradiction = contradictions(cfg, cfgj, indexes, result, joint)
  return contradiction ?? `${chart(joint ? [...new Set([...cfg, ...cfgj])] : cfg, acked, tied)}${Number.isFinite(result) ? result : '∞'}`
}

/** Values in the order of the voters, without repetition; `_` is one that is not known. */
function given<Value>(directive: Directive, key: string, voters: readonly number[], read: (text: string) => Value): Map<number, Value> {
  const texts = valuesOf(directive, key) ?? []
  const distinct = [...new Set(voters)]
  return new Map(distinct.flatMap((id, i) => (texts[i] === '_' ? [] : [[id, read(texts[i] ?? '')]] as const)))
}

/** What the Go harness asserts beside the printed result; undefined when all holds. */
function contradictions(cfg: number[], cfgj: number[], indexes: ReadonlyMap<number, number>, result: number, joint: boolean): string | undefined {
  const acked: AckedIndex = (id) => indexes.get(id)
  if (joint) return jointCommitted({ incoming: cfgj, outgoing: cfg }, acked) === result ? undefined : 'not symmetric'
  if (jointCommitted({ incoming: cfg, outgoing: [] }, acked) !== result) return 'joining nothing changes the result'
  if (jointCommitted({ incoming: cfg, outgoing: cfg }, acked) !== result) return 'joining itself changes the result'
  if (counted(cfg, acked) !== result) return 'counting instead of sorting changes the result'
  for (const [id, index] of indexes) {
    if (index >= result || index === 0) continue
    for (const lower of [index - 1, 0]) if (majorityCommitted(cfg, (other) => (other === id ? lower : acked(other))) !== result) return 'lowering one below the result changes it'
  }
  return undefined
}

/** The highest acknowledged index that more than half acknowledge. */
function counted(cfg: readonly number[], acked: AckedIndex): number {
  if (cfg.length === 0) return Infinity
  const enough = cfg.map((id) => acked(id) ?? 0).filter((index) => cfg.filter((id) => (acked(id) ?? 0) >= index).length > cfg.length / 2)
  return Math.max(0, ...enough)
}

/** The bars that the golden files print. */
function chart(voters: readonly number[], acked: AckedIndex, tied: TiedBars): string {
  if (voters.length === 0) return '<empty majority quorum>'
  const all = voters.map((id) => acked(id) ?? 0)
  const rows = [...voters].sort((a, b) => a - b).map((id) => {
    const index = acked(id)
    const isTiedToEarlier = voters.some((other) => other < id && acked(other) === index)
    const bar = tied === 'first' && isTiedToEarlier ? 0 : all.filter((other) => other < (index ?? 0)).length
    const drawn = index === undefined ? `?${' '.repeat(voters.length)}` : `${'x'.repeat(bar)}>${' '.repeat(voters.length - bar)}`
    return `${drawn} ${String(index ?? 0).padStart(5)}    (id=${id.toString(16)})\n`
  })
  return `${' '.repeat(voters.length)}    idx\n${rows.join('')}`
}
