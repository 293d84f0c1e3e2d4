import { isJoint } from '../../../consensus/core/reconfiguration.ts'
import type { Change, Configuration } from '../../../consensus/core/reconfiguration.ts'

const KINDS: Readonly<Record<string, Change['kind']>> = { v: 'voter', l: 'learner', r: 'remove', u: 'update' }

/** Reads `v1 l2 r3 u4`; a text when it is not of that form, as etcd prints it. */
export function parseChanges(text: string): readonly Change[] | string {
  const changes: Change[] = []
  for (const token of text.trim().split(' ')) {
    if (token === '' && text.trim() === '') return []
    if (token.length < 2) return `unknown token ${token}`
    const kind = KINDS[token.charAt(0)]
    if (kind === undefined) return `unknown input: ${token}`
    if (!/^\d+$/.test(token.slice(1))) return `strconv.ParseUint: parsing ${JSON.stringify(token.slice(1))}: invalid syntax`
    changes.push({ kind, node: Number(token.slice(1)) })
  }
  return changes
}

export function printChanges(changes: readonly Change[]): string {
  return changes.map(({ kind, node }) => `${kind.charAt(0)}${node}`).join(' ')
}

export function printConfiguration(configuration: Configuration): string {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration
  const list = (ids: readonly number[]): string => `(${ids.join(' ')})`
  return `voters=${list(voters)}${isJoint(configuration) ? `&&${list(outgoing)}` : ''}${learners.length > 0 ? ` learners=${list(learners)}` : ''}${learnersNext.length > 0 ? ` learners_next=${list(learnersNext)}` : ''}${autoLeave ? ' autoleave' : ''}`
}
