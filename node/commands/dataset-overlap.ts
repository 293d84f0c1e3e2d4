import type { Command } from 'commander'
import { toHex } from '../../primitives/bytes.ts'
import { collect, hexBytes, institutionOptions, openDesk } from '../command-options.ts'
import { print, printJson } from '../output.ts'
import { readWhole } from '../files.ts'

interface Desk { readonly config: string; readonly rpc: readonly string[]; readonly json?: boolean }
interface OverlapOptions extends Desk { readonly document: readonly string[]; readonly selection: readonly string[]; readonly table: string; readonly account: string; readonly out: string }
interface CompareOptions extends Desk { readonly document: string; readonly earlier: readonly string[]; readonly part: readonly string[] }

const path = collect((text: string) => text)
/** What members need besides the document of a release to hold it against earlier ones. */
export const comparing = (command: Command): Command => command
  .option('--earlier <file>', 'document of an earlier release of the same persons, repeatable', path, [])
  .option('--part <file>', 'overlap parts of a contributor, from `dataset overlap`, repeatable', path, [])

/** Holding releases of the same persons against one another. */
export function registerOverlap(dataset: Command): void {
  institutionOptions(dataset.command('overlap').description('as a contributor: commit to how your persons lie in a claimed release and in earlier ones')
    .argument('<release>', 'id of the claimed release', hexBytes(32)).requiredOption('--document <file>', 'documents of it and of the earlier releases, repeatable', path)
    .requiredOption('--selection <file>', 'the selections that you made for them, repeatable', path).requiredOption('--table <file>', 'the table that they were selected from').option('--account <column>', 'column with the account, in hex', 'account')
    .requiredOption('--out <file>', 'your parts, for all members')).action(giveParts)
  comparing(institutionOptions(dataset.command('compare').description('as the author: claim how a release lies beside earlier ones; the recipient\'s budget pays when they single somebody out')
    .argument('<release>', 'id of the claimed release', hexBytes(32)).requiredOption('--document <file>', 'its document'))).action(compare)
}

async function giveParts(release: Uint8Array, options: OverlapOptions): Promise<void> {
  const [{ readForm, writeForm }, { giveOverlapParts, overlapPartsFile, readDocuments }, { selectionFile }, { refuseTaken }, { readPeople }, { readDocument }] = await Promise.all([import('../dataset/files.ts'), import('../dataset/overlaps.ts'), import('../dataset/selection.ts'), import('../anonymize/new-file.ts'), import('../dataset/people.ts'), import('../../contracts/anonymization/document.ts')])
  await refuseTaken(options.out)
  const selections = await Promise.all(options.selection.map((each) => readForm(each, selectionFile, 'a selection')))
  const documents = await readDocuments(options.document)
  const columns = [...new Set(documents.flatMap((bytes) => readDocument(bytes).definition.attributes.map(({ name }) => name)))]
  const people = await readPeople(options.table, columns, options.account)
  const desk = await openDesk(options)
  try {
    const parts = await giveOverlapParts(desk.client, desk.member, release, { documents, selections, columns, people }, (made) => writeForm(options.out, overlapPartsFile, [...made]))
    if (options.json === true) printJson({ overlaps: parts.map(({ earlier, cells }) => ({ earlier: toHex(earlier), cells: cells.length })) })
    else print(parts.length === 0 ? 'you contributed to no earlier release beside this one: nothing to give' : `${parts.length} overlaps committed to; ${options.out} is for all members`)
  } finally {
    await desk.close()
  }
}

async function compare(release: Uint8Array, options: CompareOptions): Promise<void> {
  const { claimOverlaps, readOverlapFiles } = await import('../dataset/overlaps.ts')
  const files = await readOverlapFiles(options)
  const document = await readWhole(options.document)
  const desk = await openDesk(options)
  try {
    const { compared, charged } = await claimOverlaps(desk.client, release, document, files)
    if (options.json === true) printJson({ compared: compared.map(({ earlier, figures }) => ({ earlier: toHex(earlier), ...figures })), charged })
    else {
      for (const { earlier, figures } of compared) print(`beside ${toHex(earlier).slice(0, 16)}…: ${figures.common} persons in both, ${figures.refines ? 'refined' : 'grouped anew'}, least that share both classes ${figures.smallestIntersection}, least that left a class ${figures.smallestLeft}, joined one ${figures.smallestJoined}`)
      print(charged === 0 ? 'costs nothing' : `paid ${charged / 1_000_000} of the recipient's budget: holding the releases together singles out fewer than k`)
    }
  } finally {
    await desk.close()
  }
}
