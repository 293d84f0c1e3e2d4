import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ArxSuite, isArxGolden } from './arx.ts'
import { readAdult } from './adult-data.ts'
import { checkNoise, isNoiseVectors } from './dp.ts'
import { fail } from './expectation.ts'
import type { Outcome } from './expectation.ts'
import { checkLattice, isLatticeGolden } from './lattice.ts'
import { MondrianRuns, checkMarkdown, checkOracle, isMondrianOracle } from './mondrian.ts'
import { checkPycanon } from './pycanon.ts'

const inFolder = (folder: string, pattern: RegExp): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => pattern.test(name)).sort() : [])

/**
 * Everything that the files of a folder expect, file by file, found by their form and not by their names: Mondrian tables, lattices, ARX cases, noise vectors (also in `../vectors/dp`), the Markdown
 * page of Mondrian runs, pyCANON's tests. `only`: a part of the file name.
 */
export function* runSuite(folder: string, only: string | undefined): Generator<Outcome, void, undefined> {
  const wanted = (name: string): boolean => only === undefined || name.includes(only)
  let runs: MondrianRuns | undefined
  const mondrian = (): MondrianRuns => (runs ??= new MondrianRuns(folder, readAdult(folder)))
  for (const name of inFolder(folder, /\.json$/).filter(wanted)) yield* checkDocument(folder, name, join(folder, name), mondrian)
  for (const name of inFolder(folder, /\.md$/).filter(wanted)) yield* checkMarkdown(name, readFileSync(join(folder, name), 'utf8'), mondrian())
  for (const name of inFolder(join(folder, 'pycanon'), /anonymity\.py(\.txt)?$/).filter(wanted)) yield* checkPycanon(join(folder, 'pycanon'), name)
  const noise = resolve(folder, '../vectors/dp')
  for (const name of inFolder(noise, /\.json$/).filter(wanted)) yield* checkDocument(folder, name, join(noise, name), mondrian)
}

function* checkDocument(folder: string, name: string, path: string, mondrian: () => MondrianRuns): Generator<Outcome, void, undefined> {
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (isMondrianOracle(document)) yield* checkOracle(name, document, mondrian())
  else if (isLatticeGolden(document)) yield* checkLattice(name, document, folder)
  else if (isNoiseVectors(document)) yield* checkNoise(name, document)
  else if (isArxGolden(document)) {
    const suite = new ArxSuite(folder)
    for (const [index, each] of document.cases.entries()) yield* suite.check(name, index, each)
  } else yield fail(name, 'none of the forms that are known here: Mondrian table, lattice, ARX cases, noise vectors')
}
