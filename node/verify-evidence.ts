import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, SteleError } from '../primitives/error.ts'
import { verifyEvidence } from '../primitives/evidence.ts'
import type { ChainRules } from './chain-rules.ts'
import { evidenceOfLine } from './evidence.ts'
import type { VerifyJournal } from './verify-report.ts'

/** A member's node that signed two different things where a sound one signs one: proved by its own signatures, whoever kept them. `at`: the height, or the term of two votes. */
export interface FoundEvidence { readonly kind: 'attestation' | 'header' | 'vote'; readonly node: number; readonly member: number; readonly at: number }

/** Checks the evidence a node has kept in `evidence.ndjson`. A line that proves nothing is a finding: evidence is written whole or not at all. */
export async function checkEvidence(dataDir: string, rules: ChainRules, journal: VerifyJournal): Promise<FoundEvidence[]> {
  const file = join(dataDir, 'evidence.ndjson')
  const proven: FoundEvidence[] = []
  const lines = (await textOf(file)).split('\n')
  lines.forEach((line, i) => {
    if (line === '' && i === lines.length - 1) return
    try {
      const { kind, node, member, at } = verifyEvidence(rules.chain, rules.periods.map(({ set }) => set), evidenceOfLine(line).evidence)
      proven.push({ kind, node, member, at: Number(at) })
    } catch (error) {
      if (!(error instanceof SteleError) && !(error instanceof SyntaxError)) throw error
      journal.find({ part: 'certificates', code: 'EVIDENCE_DAMAGED', rule: 'a line of evidence holds two statements, signed by one node, of which a sound node signs one only', file, details: { line: i + 1 } })
    }
  })
  return proven
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}
