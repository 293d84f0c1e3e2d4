import { rationalToText, toRational } from '../../contracts/anonymization/kernel/index.ts'
import type { Fraction, Policy, Rational, Release, ReleaseCheck } from '../../contracts/anonymization/kernel/index.ts'
import type { RuleCheck } from './summary.ts'

const DIGITS = 4

/** Each bound of the policy beside what the checker measured: the worst class of each model. */
export function rulesOf(policy: Policy, release: Release, { findings, measured }: ReleaseCheck): RuleCheck[] {
  const show = (value: Rational): string => (value.den === 0n ? 'without bound' : rationalToText(value, DIGITS).replace(/\.?0+$/, ''))
  const broken = (code: string, column?: string): boolean => findings.some((finding) => finding.code === code && (column === undefined || finding.column === column))
  const bounds = new Map<string, Fraction>([
    ...(policy.diversity ?? []).map((each) => [`${each.attribute} ${each.kind}`, each.kind === 'recursive' ? each.c : each.l] as const),
    ...(policy.closeness ?? []).map((each) => [`${each.attribute} ${each.distance}`, each.t] as const), ...(policy.likeness ?? []).map((each) => [`${each.attribute} ${each.kind}`, each.beta] as const),
  ])
  const models = measured.models.map(({ rule, attribute, value }) => {
    const bound = [...bounds].find(([key]) => key.startsWith(`${attribute} `) && rule.includes(key.slice(attribute.length + 1)))?.[1]
    return { rule, required: bound === undefined ? '' : show(toRational(bound, rule)), measured: show(value), ok: !broken('RELEASE_MODEL', attribute) }
  })
  const all = release.rowCount + release.suppressedCount
  const limit = toRational(policy.suppressionLimit ?? '0', 'suppressionLimit')
  const risks = [['prosecutor risk', policy.risk?.prosecutor, release.risk.prosecutorMax], ['marketer risk', policy.risk?.marketer, release.risk.marketer]] as const
  return [
    { rule: 'rows in a class (k)', required: `≥ ${policy.k}`, measured: String(release.classSizes.reduce((least, size) => Math.min(least, size), release.rowCount)), ok: !broken('RELEASE_K') },
    ...models,
    { rule: 'rows suppressed', required: `≤ ${show(limit)} of ${all}`, measured: String(release.suppressedCount), ok: !broken('RELEASE_SUPPRESSION') },
    ...risks.flatMap(([rule, bound, value]) => (bound === undefined ? [] : [{ rule, required: `≤ ${show(toRational(bound, rule))}`, measured: show(value), ok: !findings.some((finding) => finding.code === 'RELEASE_RISK' && finding.rule === rule) }])),
    { rule: 'cells, order, counts, figures', required: 'as claimed', measured: findings.length === 0 ? 'as claimed' : `${findings.length} findings`, ok: findings.length === 0 },
  ]
}
