// Goal: in every mode a release that was not made from the committed rows is refused, with its author named, as far as that mode lets members see. Method: real contracts and kernel; authors who move, change, invent or hide rows.
import t from 'tap'
import { ROLES } from '../../primitives/calls/index.ts'
import type { CallArgs, Mode, Verdict } from '../../primitives/calls/index.ts'
import { fromHex } from '../../primitives/bytes.ts'
import { readerOf } from '../../contracts/index.ts'
import { definitionHash, figuresOf, makeDocument, sealSelection } from '../../contracts/anonymization/document.ts'
import type { Evidence } from '../../contracts/anonymization/evidence.ts'
import { judgeRelease } from '../../contracts/anonymization/judge.ts'
import { anonymize, codedDefinition, flatHierarchy, intervalHierarchy, releaseHash, rowCoder, tableFromColumns } from '../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release } from '../../contracts/anonymization/kernel/index.ts'
import { drawRows, openRows, placesFit } from '../../contracts/anonymization/openings.ts'
import { sealRows, tableOfRows } from '../../contracts/anonymization/originals.ts'
import type { RowsFile } from '../../contracts/anonymization/originals.ts'
import { bytes32, ContractWorld } from '../helpers/contract-world.ts'

const DATASET = bytes32('dataset')
const COLUMNS = ['age', 'sex', 'disease']
const AGES = Array.from({ length: 100 }, (_, age) => String(age))
const definitionOf = (mode: Mode): DatasetDefinition => ({
  attributes: [
    { name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: intervalHierarchy('age', AGES, [5, 20, 40]), ...(mode === 'coded' && { coded: 1 }) }, { name: 'sex', role: 'quasi-identifier', type: 'categorical', hierarchy: flatHierarchy('sex', ['f', 'm']) },
    { name: 'disease', role: 'sensitive', type: 'categorical' },
  ],
  policy: { k: 4 }, algorithm: { name: 'mondrian', mode: 'hierarchy' },
})
const ROWS = Array.from({ length: 36 }, (_, i) => [String(20 + ((i * 7) % 40)), i % 2 === 0 ? 'f' : 'm', ['flu', 'asthma', 'diabetes'][i % 3]!])

interface Lie { readonly rows?: (rows: readonly (readonly string[])[]) => readonly (readonly string[])[]; readonly places?: (places: number[]) => void }

/** One data set of three contributors; author 1 may compute from other rows than were committed to. */
class Scene {
  readonly world = new ContractWorld(4)
  readonly definition: DatasetDefinition
  readonly files: RowsFile[] = []
  readonly id: Uint8Array
  readonly document: Uint8Array
  readonly release: Release

  constructor(mode: Mode, { rows: changed = (rows) => rows, places: moved = () => undefined }: Lie = {}, openings = mode === 'owner' ? 8 : 0) {
    const { world } = this
    const stored = definitionOf(mode)
    this.definition = mode === 'coded' ? codedDefinition(stored) : stored
    const researcher = world.enroll(4, 'researcher', 'researcher')
    world.certify(4, researcher.account, 'role', ROLES.researcher)
    const terms: CallArgs<'anonymization', 'define'>['terms'] = { definition: definitionHash(stored), k: 4, suppressionPpm: 0, prosecutorPpm: 250_000, contributorsMin: 3, budget: 0, mode, openings, siteFloor: 0, purposes: ['HRESCH'], recipients: [4] }
    this.ok(world.call(world.institution(1), 'anonymization', 'define', { dataset: DATASET, version: 1, terms }).code)
    const asking = world.transaction(researcher, 'anonymization', 'request', { dataset: DATASET, version: 1, purpose: 'HRESCH', detailsHash: bytes32('details') })
    this.ok(world.run(asking).code)
    const code = mode === 'coded' ? rowCoder(stored, COLUMNS) : (row: readonly string[]) => [...row]
    const selections = [1, 2, 3].map((member) => {
      const own = ROWS.filter((_, i) => 1 + (i % 3) === member)
      const { persons, root } = sealSelection(own.map((_, i) => {
        const actor = world.enroll(member, 'patient', `${member} ${i}`)
        const grant = world.transaction(actor, 'consent', 'grant', { seq: 1n, grantee: { kind: 'member', value: member }, from: world.timeMs, until: world.timeMs + 86_400_000n, requires: [], classes: [], confidentialityMax: 'N', purposes: ['HRESCH'], actions: ['export'] })
        this.ok(world.run(grant).code)
        return { salt: bytes32(`salt ${member} ${i}`), account: actor.account, consent: grant.id, consentVersion: 1 }
      }))
      const sealed = sealRows(own.map((row, i) => ({ salt: bytes32(`row ${member} ${i}`), row: [...code(row, i + 1)] })))
      this.ok(world.call(world.institution(member), 'anonymization', 'select', { request: asking.id, persons: persons.length, selection: root, original: sealed.root }).code)
      this.files.push({ request: asking.id, member, columns: COLUMNS, rows: sealed.rows })
      return { member, persons }
    })
    const rows = changed(this.files.flatMap((file) => file.rows.map(({ row }) => row)))
    let places: number[] = []
    this.release = anonymize(tableFromColumns(COLUMNS.map((name, column) => ({ name, cells: rows.map((row) => row[column]!) }))), this.definition, { onPlaced: (found) => { places = [...found] } })
    moved(places)
    const document = makeDocument({ request: asking.id, definition: stored, release: this.release, selections, places: openings > 0 ? places : undefined })
    const claim = world.transaction(world.institution(1), 'anonymization', 'release', { request: asking.id, release: fromHex(releaseHash(this.release)), document: document.hash, readAtHeight: world.height, figures: figuresOf(this.release) })
    this.ok(world.run(claim).code)
    this.id = claim.id
    this.document = document.bytes
  }

  ok(code: string): void {
    if (code !== 'OK') throw new Error(code)
  }

  judge(evidence: Omit<Evidence, 'member'>, member = 2): Verdict {
    return this.finding(evidence, member).verdict
  }

  finding(evidence: Omit<Evidence, 'member'>, member = 2): { readonly verdict: Verdict; readonly rule: string } {
    return judgeRelease(readerOf(this.world.state), this.id, this.document, { member, ...evidence })!
  }

  challenge(member = 2, seed = bytes32(`seed ${member}`)): string {
    return this.world.call(this.world.institution(member), 'anonymization', 'challenge', { release: this.id, seed }).code
  }

  openings(member = 2, seed = bytes32(`seed ${member}`)): NonNullable<Evidence['openings']> {
    return { release: this.id, member, columns: COLUMNS, rows: openRows(this.files, drawRows(seed, this.id, this.files.map((file) => ({ member: file.member, rows: file.rows.length })), 8)) }
  }
}

const change = (at: number, column: number, cell: string) => (rows: readonly (readonly string[])[]) => rows.map((row, i) => (i === at ? row.map((old, c) => (c === column ? cell : old)) : row))

for (const mode of ['committee', 'coded'] as const) {
  t.test(`${mode}: members compute the same bytes from the rows that were committed to, and nothing else passes`, async (t) => {
    const scene = new Scene(mode)
    t.equal(scene.judge({ rows: scene.files }), 'sound')
    t.equal(scene.judge({ rows: scene.files.toReversed() }), 'sound', 'in whatever order the files come')
    t.equal(scene.judge({}), 'original', 'no rows, no verdict of soundness')
    t.equal(scene.judge({ rows: scene.files.slice(1) }), 'original')
    t.equal(scene.judge({ rows: scene.files.map((file) => ({ ...file, request: bytes32('another') })) }), 'original', 'rows of another request')
    t.equal(scene.judge({ rows: scene.files.map((file, i) => (i === 0 ? { ...file, rows: file.rows.slice(1) } : file)) }), 'original', 'a row fewer')
    t.equal(scene.judge({ rows: scene.files.map((file, i) => (i === 0 ? { ...file, rows: file.rows.map((row, at) => (at === 0 ? { ...row, row: ['20..24', 'f', 'flu'] } : row)) } : file)) }), 'original', 'another row under the same salt')
    const changed = new Scene(mode, { rows: (rows) => change(5, 2, rows[5]![2] === 'flu' ? 'asthma' : 'flu')(rows) })
    t.equal(changed.judge({ rows: changed.files }), 'rows', 'one diagnosis changed after the commitment')
    const moved = new Scene(mode, { rows: (rows) => change(5, 1, rows[5]![1] === 'f' ? 'm' : 'f')(rows) })
    t.equal(moved.judge({ rows: moved.files }), 'rows', 'one row moved to another class')
  })
}

t.test('coded: what leaves an institution, and what is released, is no finer than the level of the definition', async (t) => {
  const { files, release } = new Scene('coded')
  for (const { rows } of files) for (const { row: [age] } of rows) t.match(age, /^\d+\.\.\d+$/)
  for (const value of release.quasi[0]!.values) t.not(value.kind === 'exact' && /^\d+$/.test(value.text), true)
  t.throws(() => rowCoder(definitionOf('coded'), COLUMNS)(['200', 'f', 'flu'], 3), { code: 'ANONYMIZATION_HIERARCHY_UNCOVERED', details: { row: 3, column: 'age' } })
  t.throws(() => codedDefinition({ ...definitionOf('coded'), attributes: definitionOf('coded').attributes.map((each) => (each.name === 'age' ? { ...each, coded: 4 } : each)) }), { code: 'ANONYMIZATION_POLICY_INVALID' })
})

t.test('owner: a challenger sees the rows that its seed decides, each as it was committed and where it stands', async (t) => {
  const scene = new Scene('owner')
  t.equal(scene.challenge(1), 'CHALLENGE_NEEDLESS', 'not the author itself')
  t.equal(scene.judge({}), 'original', 'who has not challenged cannot call it sound')
  t.equal(scene.challenge(), 'OK')
  t.equal(scene.challenge(), 'CHALLENGED_ALREADY')
  t.equal(scene.judge({ openings: scene.openings() }), 'sound')
  t.equal(scene.judge({}, 1), 'sound', 'the author asks nobody')
  t.equal(scene.judge({ openings: { ...scene.openings(), rows: scene.openings().rows.slice(1) } }), 'original', 'a row fewer')
  t.equal(scene.judge({ openings: { ...scene.openings(2, bytes32('an easier seed')), member: 2 } }), 'original', 'rows of the author\'s own choice')
  t.equal(scene.judge({ openings: { ...scene.openings(), rows: scene.openings().rows.map((row, i) => (i === 3 ? { ...row, row: ['77', 'f', 'flu'] } : row)) } }), 'original', 'a row that was not committed to')
  t.equal(new Scene('owner', {}, 0).challenge(), 'CHALLENGE_NEEDLESS', 'a data set that opens nothing')
})

t.test('owner: invented rows are caught as often as reckoned, and places that fit no release at once', async (t) => {
  const half = new Scene('owner', { rows: (rows) => rows.map((row, i) => (i % 2 === 0 ? [row[0]!, row[1]!, row[2] === 'flu' ? 'asthma' : 'flu'] : row)) })
  let caught = 0
  for (let i = 0; i < 3; i++) {
    const member = 2 + i
    t.equal(half.challenge(member), 'OK')
    if (half.finding({ openings: half.openings(member) }, member).rule === 'an opened row stands in the release as it was') caught++
  }
  t.equal(caught, 3, 'half of the rows invented: eight rows miss it once in 256')
  const twice = new Scene('owner', { places: (places) => { places[0] = places[1]! } })
  twice.challenge()
  t.equal(twice.judge({ openings: twice.openings() }), 'original', 'two rows in one place')
  t.equal(placesFit([1, 2, 0], { rowCount: 2, suppressedCount: 1, droppedCount: 0 }), true)
  for (const bad of [[1, 2], [1, 1, 0], [1, 3, 0], [0, 0, 1]]) t.equal(placesFit(bad, { rowCount: 2, suppressedCount: 1, droppedCount: 0 }), false)
})

t.test('a data set names one mode, with openings and floors of its own', async (t) => {
  const { world } = new Scene('owner')
  const code = (terms: Partial<CallArgs<'anonymization', 'define'>['terms']>): string => world.call(world.institution(1), 'anonymization', 'define', { dataset: bytes32('another'), version: 1, terms: { definition: bytes32('d'), k: 4, suppressionPpm: 0, prosecutorPpm: 250_000, contributorsMin: 3, budget: 0, mode: 'owner', openings: 0, siteFloor: 0, purposes: ['HRESCH'], recipients: [4], ...terms } }).code
  for (const bad of [{ openings: 65 }, { mode: 'committee', openings: 1 }, { siteFloor: 2 }, { mode: 'coded', siteFloor: 1 }, { mode: 'joint' }, { mode: 'joint', siteFloor: 1, contributorsMin: 2 }, { mode: 'joint', siteFloor: 5, contributorsMin: 1 }, { mode: 'joint', siteFloor: 2, openings: 1 }] as const) t.equal(code(bad), 'DATASET_TERMS_INVALID', JSON.stringify(bad))
  t.equal(code({ mode: 'joint', siteFloor: 2, contributorsMin: 2 }), 'OK', 'two contributors, with a floor')
  t.ok(tableOfRows([]) === undefined)
})
