import { equalBytes } from '../../primitives/bytes.ts'
import type { AccessRequest } from '../../primitives/calls/access.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import { liveConsents } from '../consent/basis.ts'
import type { Basis } from '../consent/basis.ts'
import { labelsOf } from '../consent/coverage.ts'
import type { SectionLabels } from '../consent/coverage.ts'
import { accounts } from '../identity/accounts.ts'
import { records, sections as sectionTable } from '../records/tables.ts'
import type { Reader } from '../runtime/table.ts'
import type { DecisionFacts } from './decision.ts'
import { certifiedFacts } from './policy.ts'

export type Asked = Pick<AccessRequest, 'subject' | 'record' | 'version' | 'sections' | 'action' | 'purpose'>
export interface FactSources { readonly reader: Reader; readonly timeMs: bigint; readonly parameters: Pick<ChainParameters, 'policy' | 'permitMsMax'>; readonly readerKeyInUse: boolean }

/** The version asked for with the labels of its sections; undefined when any part does not exist or belongs to another subject. */
function resolve(reader: Reader, asked: Asked): { readonly version: number, readonly sections: readonly SectionLabels[] } | undefined {
  const record = reader.get(records, asked.record)
  if (record === undefined || !equalBytes(record.subject, asked.subject)) return undefined
  const version = asked.version === 0 ? record.latest : asked.version
  const found: SectionLabels[] = []
  for (const number of asked.sections) {
    const section = reader.get(sectionTable, asked.record, version, number)
    if (section === undefined) return undefined
    found.push(labelsOf(section))
  }
  return { version, sections: found }
}

/** Reads what `decide` needs, by point reads. `version` is the resolved one, or the one asked for when nothing was found. */
export function gatherFacts({ reader, timeMs, parameters, readerKeyInUse }: FactSources, requester: Uint8Array, asked: Asked): { readonly version: number, readonly facts: DecisionFacts } {
  const account = reader.get(accounts, requester)
  const subject = reader.get(accounts, asked.subject)
  const member = account?.member ?? 0
  const resolved = resolve(reader, asked)
  const consents: Basis[] = liveConsents(reader, asked.subject, requester, member)
  return {
    version: resolved?.version ?? asked.version,
    facts: {
      timeMs, action: asked.action, purpose: asked.purpose, numbers: asked.sections, sections: resolved?.sections,
      subject: subject === undefined ? undefined : { account: asked.subject, suspended: subject.suspended },
      requester: { ...certifiedFacts(reader, requester, member, timeMs), suspended: account?.suspended ?? true, isSubject: equalBytes(requester, asked.subject) },
      consents, readerKeyInUse, policy: parameters.policy, permitMsMax: parameters.permitMsMax,
    },
  }
}
