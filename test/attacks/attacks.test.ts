// Goal: every attack that k-anonymity or noise without budget is known to fall to works there, and not here (issue 4, "Shows" 4).
// Method: the attacks are run against our own kernels and contract, once with the plain policy and once with ours; seeds are fixed, bounds are computed.
import t from 'tap'
import { ATTACKS, verdictOf } from './suite.ts'

const REFUSALS: Readonly<Record<string, string>> = { homogeneity: 'RELEASE_MODEL', skewness: 'RELEASE_MODEL', composition: 'RECODING_INDEPENDENT', differencing: 'DIFFERENCE_SMALL', tinySite: 'CONTRIBUTION_SMALL', averaging: 'BUDGET_EXHAUSTED' }

t.test('an attack that changes nothing, or that works on ours, is told', async (t) => {
  const report = { name: 'x', unit: 'x', notes: 'x' }
  t.match(verdictOf({ ...report, plain: 0, ours: 0 }), /does not work on the plain/)
  t.match(verdictOf({ ...report, plain: 3, ours: 1 }), /works on ours/)
  t.match(verdictOf({ ...report, plain: 900, ours: 800, bound: 750 }), /works on ours/)
  t.match(verdictOf({ ...report, plain: 700, ours: 700, bound: 750 }), /does not work on the plain/)
})

for (const [name, run] of Object.entries(ATTACKS)) {
  t.test(`${name} works on the plain thing and not on ours`, async (t) => {
    const report = run()
    t.comment(JSON.stringify(report))
    t.equal(verdictOf(report), undefined, `${report.plain} against ${report.ours} ${report.unit}`)
    if (REFUSALS[name] !== undefined) t.equal(report.refusal, REFUSALS[name])
  })
}
