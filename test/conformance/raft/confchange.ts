import { changeSimply, configurationOf, enterJoint, leaveJoint } from '../../../consensus/core/reconfiguration.ts'
import type { Reconfigured, ReconfigurationFault } from '../../../consensus/core/reconfiguration.ts'
import { Tracker } from '../../../consensus/core/tracker.ts'
import { parseChanges, printConfiguration } from './changes.ts'
import { booleanOf, valuesOf } from './datadriven.ts'
import type { Directive } from './datadriven.ts'

const FAULTS: Readonly<Record<ReconfigurationFault, string>> = {
  'already-joint': 'config is already joint',
  'no-voters-to-join': "can't make a zero-voter config joint",
  'not-joint': "can't leave a non-joint config",
  'joint': "can't apply simple config change in joint config",
  'many-voters': 'more than one voter changed without entering joint config',
  'no-voters': 'removed all voters',
}

/** Runs the commands of one of etcd's confchange files, which build on each other. */
export class ConfigurationEnvironment {
  readonly #tracker = new Tracker(configurationOf([]), 0, { maxInflightMessages: 10, maxInflightBytes: Infinity })
  /** Grows with each command, so that `next` tells when a progress was made. */
  #lastIndex = 0

  run(directive: Directive): string {
    const lastIndex = this.#lastIndex++
    const changes = parseChanges(directive.input)
    if (typeof changes === 'string') return changes
    const from = this.#tracker.configuration
    let result: Reconfigured
    switch (directive.command) {
      case 'simple': result = changeSimply(from, changes); break
      case 'enter-joint': result = enterJoint(from, changes, booleanOf(directive, valuesOf(directive, 'autoleave')?.[0] ?? 'false', 'autoleave')); break
      case 'leave-joint':
        if (changes.length > 0) return 'this command takes no input'
        result = leaveJoint(from)
        break
      default: return 'unknown command'
    }
    if ('fault' in result) return FAULTS[result.fault]
    this.#tracker.switchTo(result.configuration, lastIndex)
    const rows = [...this.#tracker.nodes].map(([id, { match, next, learner }]) => `${id}: StateProbe match=${match} next=${next}${learner ? ' learner' : ''}`)
    return [printConfiguration(this.#tracker.configuration), ...rows].join('\n')
  }
}
