import type { RaftOptions } from '../../../consensus/core/config.ts'
import { configurationOf } from '../../../consensus/core/reconfiguration.ts'
import { CommandError, ConformanceFileError, booleanOf, numberOf } from './datadriven.ts'
import type { Directive } from './datadriven.ts'
import { FIRST_TERM } from './messages.ts'
import type { Snapshot } from './messages.ts'

/** What `add-nodes` asks for. Nodes start behind `start`, the empty one unless members or an index are given. */
export interface NewNodes { readonly count: number; readonly start: Snapshot; readonly options: Partial<RaftOptions>; readonly async: boolean }

/** Limits of etcd's harness: none, except those a file asks for. */
const UNLIMITED: Partial<RaftOptions> = {
  electionTicks: 3, heartbeatTicks: 1, preVote: false, checkQuorum: false, stepDownOnRemoval: false,
  maxInflightMessages: 2 ** 31 - 1, maxInflightBytes: Infinity, maxMessageBytes: Infinity, maxUncommittedEntries: Infinity, maxUncommittedBytes: Infinity, maxCommittedBytesPerEffects: Infinity,
}

/** Reads `add-nodes 3 voters=(1,2,3) learners=(4) index=10 content=foo inflight=3 …`; unknown options are an error, because a run without them would mean nothing. */
export function readAddNodes(directive: Directive): NewNodes {
  const [first, ...rest] = directive.args
  const count = numberOf(directive, first?.key, 'the number of nodes')
  const voters: number[] = []
  const learners: number[] = []
  let [index, hasStart, async] = [0, false, false]
  let options = UNLIMITED
  for (const { key, values } of rest) {
    for (const value of values) {
      const flag = (): boolean => booleanOf(directive, value, key)
      const number = (): number => numberOf(directive, value, key)
      switch (key) {
        case 'voters': voters.push(number()); break
        case 'learners': learners.push(number()); break
        case 'index': index = number(); break
        // The appending state machine of the harness is shown nowhere; content alone makes the start a snapshot.
        case 'content': hasStart = true; break
        case 'inflight': options = { ...options, maxInflightMessages: number() }; break
        case 'max-committed-size-per-ready': options = { ...options, maxCommittedBytesPerEffects: number() }; break
        case 'async-storage-writes': async = flag(); break
        case 'prevote': options = { ...options, preVote: flag() }; break
        case 'checkquorum': options = { ...options, checkQuorum: flag() }; break
        case 'disable-conf-change-validation': options = { ...options, checkReconfigurations: !flag() }; break
        case 'step-down-on-removal': options = { ...options, stepDownOnRemoval: flag() }; break
        case 'read-only':
          if (value !== 'safe' && value !== 'lease-based') throw new CommandError(`invalid read-only option ${JSON.stringify(value)}`)
          options = { ...options, leaseReads: value === 'lease-based' }
          break
        default: throw new ConformanceFileError(directive.place, `add-nodes: unknown option ${key}`)
      }
    }
  }
  hasStart ||= voters.length > 0 || learners.length > 0 || index > 0
  if (hasStart && index <= 1) throw new CommandError('index must be specified as > 1 due to bootstrap')
  // What etcd's own check of its configuration says.
  if (options.maxInflightMessages === 0) throw new CommandError('max inflight messages must be greater than 0')
  if (options.leaseReads === true && options.checkQuorum !== true) throw new CommandError('CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased')
  return { count, start: { index, term: hasStart ? FIRST_TERM : 0, configuration: configurationOf(voters, learners) }, options, async }
}
