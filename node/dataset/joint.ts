import { tableOfRows, sealRows } from '../../contracts/anonymization/originals.ts'
import { JointContribution, releaseHash } from '../../contracts/anonymization/kernel/index.ts'
import { definitionSchema, releaseSchema } from '../../contracts/anonymization/release-format.ts'
import { releaseForm } from '../../contracts/anonymization/release-forms.ts'
import { selections } from '../../contracts/anonymization/tables.ts'
import { equalBytes } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { refuseTaken } from '../anonymize/new-file.ts'
import { openDesk } from '../command-options.ts'
import { print, printJson, say } from '../output.ts'
import { systemRandom } from '../system.ts'
import type { DeskOptions } from './define.ts'
import { readForm, writeForm } from './files.ts'
import { openLine } from './joint-line.ts'
import { jointMessage } from './joint-messages.ts'
import { runJoint } from './joint-session.ts'
import { readRows } from './publish.ts'
import { remoteState } from './remote-state.ts'
import { openRequest } from './steps.ts'

export interface JointOptions extends DeskOptions { readonly dataset: string; readonly rows: string; readonly waitS: number; readonly out: string }

/** `stele dataset joint`: every contributor runs it at the same time; each gets the same release, and sees no row of another. */
export async function joint(options: JointOptions): Promise<void> {
  await refuseTaken(options.out)
  const form = await readForm(options.dataset, definitionSchema, 'the definition of a data set')
  const [own] = await readRows([options.rows])
  const desk = await openDesk(options)
  try {
    const state = remoteState(desk.client)
    const { asked, terms, definition } = await openRequest(state, own!.request, form)
    const selected = await state.read((reader) => reader.get(selections, own!.request, desk.member))
    const differs = (rule: string): SteleError => new SteleError({ code: 'DATASET_DIFFERS', message: 'this institution cannot take part with these files', details: { member: desk.member, rule } })
    if (terms.mode !== 'joint') throw differs('a data set of mode joint')
    if (selected === undefined || !equalBytes(sealRows(own!.rows).root, selected.original)) throw differs('the rows that this institution selected')
    if (asked.contributors.length < terms.contributorsMin) throw differs(`${terms.contributorsMin} contributors have selected`)
    const contribution = new JointContribution(tableOfRows([own!])!, definition, terms.siteFloor)
    say(`waiting for ${asked.contributors.length - 1} other contributors`)
    const release = await runJoint({
      line: await openLine(desk.client, state, own!.request, desk.member, jointMessage), contributors: asked.contributors, contribution, definition, persons: asked.persons, random: systemRandom, waitMs: options.waitS * 1_000,
      onRound: (round, questions) => say(`round ${round + 1}: ${questions} questions`),
    })
    await writeForm(options.out, releaseSchema, releaseForm(release))
    if (options.json === true) printJson({ hash: releaseHash(release), rows: release.rowCount, classes: release.metrics.classCount, smallestClass: release.metrics.smallestClass })
    else print(`${release.rowCount} rows in ${release.metrics.classCount} classes of at least ${release.metrics.smallestClass}; hash ${releaseHash(release)}\nnext    the author: stele dataset release --joint ${options.out} …; the others: stele dataset verify … --joint ${options.out}`)
  } finally {
    await desk.close()
  }
}
