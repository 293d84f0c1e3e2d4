/** Tables of three institutions from a fixed seed: invented people, one row each. */
export interface Row { readonly age: number; readonly sex: 'f' | 'm'; readonly postcode: string; readonly diagnosis: string }

export const DIAGNOSES = ['asthma', 'diabetes', 'hypertension', 'migraine'] as const
const TOWNS = ['4101', '4102', '4105', '4203', '4207', '4301'] as const

/** Park–Miller, so that every run tells the same story. */
function draws(seed: number): (below: number) => number {
  let state = seed
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below
}

export function drawRows(count: number, seed = 99): Row[] {
  const draw = draws(seed)
  return Array.from({ length: count }, (): Row => ({ age: 20 + draw(60), sex: draw(2) === 0 ? 'f' : 'm', postcode: TOWNS[draw(TOWNS.length)]!, diagnosis: DIAGNOSES[draw(DIAGNOSES.length)]! }))
}

/** One institution's table: accounts beside the columns of the data set. */
export function tableOf(people: readonly { readonly account: string; readonly row: Row }[]): string {
  return ['account,age,sex,postcode,diagnosis', ...people.map(({ account, row: { age, sex, postcode, diagnosis } }) => [account, age, sex, postcode, diagnosis].join(',')), ''].join('\n')
}

/** Every value that a column may have: hierarchies are made from it, so that nobody's own values decide them. */
export function values(): string {
  return ['age,sex,postcode,diagnosis', ...Array.from({ length: 100 }, (_, age) => [age, age % 2 === 0 ? 'f' : 'm', TOWNS[age % TOWNS.length], DIAGNOSES[age % DIAGNOSES.length]].join(',')), ''].join('\n')
}

export const DEFINITION = `version: 1
attributes:
  - { name: age, role: quasi-identifier, hierarchy: { intervals: [20, 40] } }
  - { name: sex, role: quasi-identifier }
  - { name: postcode, role: quasi-identifier, hierarchy: { zip: [2, 1] } }
  - { name: diagnosis, role: sensitive }
policy: { k: 4, diversity: [ { attribute: diagnosis, l: 2 } ], suppressionLimit: 0.1 }
algorithm: { name: joint, siteFloor: 2 }
`
