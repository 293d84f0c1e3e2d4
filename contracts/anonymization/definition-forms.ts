import { hierarchyFromPaths } from './kernel/index.ts'
import type { Algorithm, AttributeDefinition, DatasetDefinition, Fraction, Hierarchy } from './kernel/index.ts'
import type { DefinitionForm } from './release-format.ts'

const boundText = (value: Fraction): string => (typeof value === 'string' ? value : `${value.num}/${value.den}`)
const maybeBound = (value: Fraction | undefined): string | null => (value === undefined ? null : boundText(value))

function pathsOf({ leaves, levels, nodeOf }: Hierarchy): string[][] {
  return leaves.map((_, leaf) => levels.map(({ labels }, level) => labels[nodeOf[level]![leaf]!]!))
}

/** A definition with its hierarchies written out; its canonical bytes are what the ledger's `definition` is the hash of. */
export function definitionForm({ attributes, policy, algorithm, statistics, missing }: DatasetDefinition): DefinitionForm {
  return {
    attributes: attributes.map(({ name, role, type, person, coded, order, hierarchy }) => ({ name, role, type, person: person === true ? 1 : 0, coded: coded ?? 0, order: order === undefined ? null : [...order], hierarchy: hierarchy === undefined ? null : pathsOf(hierarchy) })),
    policy: {
      k: policy.k, suppressionLimit: maybeBound(policy.suppressionLimit), prosecutor: maybeBound(policy.risk?.prosecutor), marketer: maybeBound(policy.risk?.marketer),
      diversity: (policy.diversity ?? []).map((each) => (each.kind === 'recursive' ? { attribute: each.attribute, kind: each.kind, l: `${each.l}`, c: boundText(each.c) } : { attribute: each.attribute, kind: each.kind, l: boundText(each.l), c: null })),
      closeness: (policy.closeness ?? []).map(({ attribute, distance, t }) => ({ attribute, distance, t: boundText(t) })),
      likeness: (policy.likeness ?? []).map(({ attribute, kind, beta }) => ({ attribute, kind, beta: boundText(beta) })),
    },
    algorithm: { name: algorithm.name, siteFloor: algorithm.name === 'joint' ? algorithm.siteFloor : null, mode: algorithm.name === 'mondrian' ? algorithm.mode : null, rowOrder: (algorithm.name === 'mondrian' ? algorithm.rowOrder : undefined) ?? null, metric: (algorithm.name === 'full-domain' ? algorithm.metric : undefined) ?? null },
    statistics: statistics === undefined ? null : { columns: [...statistics.columns], crossProducts: statistics.crossProducts === true ? 1 : 0 },
    missing: missing === undefined ? null : { markers: [...missing.markers], treatment: missing.treatment },
  }
}

/** The definition that a form says. Throws `ANONYMIZATION_HIERARCHY_*` for what is no tree; the policy is judged when it is used. */
export function definitionOfForm({ attributes, policy, algorithm, statistics, missing }: DefinitionForm): DatasetDefinition {
  return {
    attributes: attributes.map(({ name, role, type, person, coded, order, hierarchy }): AttributeDefinition => ({ name, role, type, ...(person === 1 && { person: true }), ...(coded > 0 && { coded }), ...(order !== null && { order }), ...(hierarchy !== null && { hierarchy: hierarchyFromPaths(name, hierarchy) }) })),
    policy: {
      k: policy.k, ...(policy.suppressionLimit !== null && { suppressionLimit: policy.suppressionLimit }),
      ...((policy.prosecutor ?? policy.marketer) !== null && { risk: { ...(policy.prosecutor !== null && { prosecutor: policy.prosecutor }), ...(policy.marketer !== null && { marketer: policy.marketer }) } }),
      diversity: policy.diversity.map(({ attribute, kind, l, c }) => (kind === 'recursive' ? { attribute, kind, l: Number(l), c: c ?? '0' } : { attribute, kind, l })), closeness: policy.closeness, likeness: policy.likeness,
    },
    algorithm: algorithmOf(algorithm),
    ...(statistics !== null && { statistics: { columns: statistics.columns, crossProducts: statistics.crossProducts === 1 } }), ...(missing !== null && { missing }),
  }
}

function algorithmOf({ name, siteFloor, mode, rowOrder, metric }: DefinitionForm['algorithm']): Algorithm {
  switch (name) {
    case 'mondrian': return { name, mode: mode ?? 'hierarchy', ...(rowOrder !== null && { rowOrder }) }
    case 'full-domain': return { name, ...(metric !== null && { metric }) }
    case 'joint': return { name, siteFloor: siteFloor ?? 1 }
    case 'datafly': return { name }
  }
}
