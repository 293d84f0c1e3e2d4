import { rational } from './kernel/index.ts'
import type { Rational, Release, ReleasedValue } from './kernel/index.ts'
import type { ReleaseHead, ReleaseForm } from './release-format.ts'

const fractionText = ({ num, den }: Rational): string => `${num}/${den}`

function fractionOf(text: string): Rational {
  const at = text.indexOf('/')
  const [num, den] = [BigInt(text.slice(0, at)), BigInt(text.slice(at + 1))]
  // A zero denominator means nothing and would end the program; such a claim differs from every measured value.
  return den === 0n ? { num: -1n, den: 1n } : rational(num, den)
}

function valueForm(value: ReleasedValue): ReleaseHead['quasi'][number]['values'][number] {
  switch (value.kind) {
    case 'exact': return { kind: 'exact', value: value.text }
    case 'range': return { kind: 'range', value: { low: value.low, high: value.high } }
    case 'set': return { kind: 'set', value: [...value.values] }
    case 'node': return { kind: 'node', value: { text: value.text, level: value.level } }
    case 'any': return { kind: 'any', value: {} }
  }
}

function valueOf(form: ReleaseHead['quasi'][number]['values'][number]): ReleasedValue {
  switch (form.kind) {
    case 'exact': return { kind: 'exact', text: form.value }
    case 'range': return { kind: 'range', ...form.value }
    case 'set': return { kind: 'set', values: form.value }
    case 'node': return { kind: 'node', ...form.value }
    case 'any': return { kind: 'any' }
  }
}

/** A release without its rows: what stands beside a published table, so that the table can be read again and checked. */
export function releaseHead(release: Release): ReleaseHead {
  const { version, algorithm, rowCount, suppressedCount, droppedCount, levels, metrics, risk, statistics } = release
  return {
    version, algorithm, rowCount, suppressedCount, droppedCount, levels: levels === undefined ? null : [...levels],
    metrics: { ...metrics, ncp: fractionText(metrics.ncp), ncpByColumn: metrics.ncpByColumn.map(fractionText), discernibility: `${metrics.discernibility}`, averageClassSize: fractionText(metrics.averageClassSize) },
    risk: { prosecutorMax: fractionText(risk.prosecutorMax), prosecutorAverage: fractionText(risk.prosecutorAverage), marketer: fractionText(risk.marketer), journalistMax: risk.journalistMax === undefined ? null : fractionText(risk.journalistMax) },
    statistics: statistics.map(({ columns, scales, sum, products }) => ({ columns: [...columns], scales: [...scales], sum: sum.map(String), products: products.map(String) })),
    quasi: release.quasi.map(({ name, type, scale, range, values }) => ({ name, type, scale, range: BigInt(range), values: values.map(valueForm) })),
    payload: release.payload.map(({ name, role, type, values, originalCounts }) => ({ name, role, type, values: [...values], originalCounts: originalCounts === undefined ? null : [...originalCounts] })),
  }
}

/** The rows of a release by codes: `quasi` one code per class, `payload` one per row, in the order of the claims. */
export interface ReleaseCodes { readonly classSizes: Int32Array; readonly populationSizes?: Int32Array | undefined; readonly quasi: readonly Int32Array[]; readonly payload: readonly Int32Array[] }

/** Joins claims and rows. Nothing is judged here: `checkRelease` does that, and never throws. */
export function releaseFrom(claims: ReleaseHead, rows: ReleaseCodes): Release {
  const { version, algorithm, rowCount, suppressedCount, droppedCount, levels, metrics, risk, statistics } = claims
  return {
    version: version as 1, algorithm, rowCount, suppressedCount, droppedCount, levels: levels ?? undefined, classSizes: rows.classSizes, populationSizes: rows.populationSizes,
    quasi: claims.quasi.map(({ name, type, scale, range, values }, q) => ({ name, type, scale, range: Number(range), values: values.map(valueOf), codes: rows.quasi[q] ?? new Int32Array(0) })),
    payload: claims.payload.map(({ name, role, type, values, originalCounts }, p) => ({ name, role, type, values, codes: rows.payload[p] ?? new Int32Array(0), originalCounts: originalCounts === null ? undefined : Int32Array.from(originalCounts) })),
    metrics: { ...metrics, ncp: fractionOf(metrics.ncp), ncpByColumn: metrics.ncpByColumn.map(fractionOf), discernibility: BigInt(metrics.discernibility), averageClassSize: fractionOf(metrics.averageClassSize) },
    risk: { prosecutorMax: fractionOf(risk.prosecutorMax), prosecutorAverage: fractionOf(risk.prosecutorAverage), marketer: fractionOf(risk.marketer), journalistMax: risk.journalistMax === null ? undefined : fractionOf(risk.journalistMax) },
    statistics: statistics.map(({ columns, scales, sum, products }) => ({ columns: columns as [string], scales, sum: sum.map(BigInt), products: products.map(BigInt) })),
  }
}

/** A whole release in the form that members exchange. */
export function releaseForm(release: Release): ReleaseForm {
  const claims = releaseHead(release)
  return {
    ...claims, classSizes: [...release.classSizes], populationSizes: release.populationSizes === undefined ? null : [...release.populationSizes],
    quasi: claims.quasi.map((column, q) => ({ ...column, codes: [...release.quasi[q]!.codes] })), payload: claims.payload.map((column, p) => ({ ...column, codes: [...release.payload[p]!.codes] })),
  }
}

export function releaseOfForm(form: ReleaseForm): Release {
  return releaseFrom(form, {
    classSizes: Int32Array.from(form.classSizes), populationSizes: form.populationSizes === null ? undefined : Int32Array.from(form.populationSizes),
    quasi: form.quasi.map(({ codes }) => Int32Array.from(codes)), payload: form.payload.map(({ codes }) => Int32Array.from(codes)),
  })
}
