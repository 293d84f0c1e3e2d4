import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes, maybeFromHex } from '../primitives/bytes.ts'
import { attestationBytes, attestationContent, attestationSchema } from '../primitives/certificate.ts'
import type { Attestation } from '../primitives/certificate.ts'
import { decode, encode } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { verify } from '../primitives/signature.ts'
import type { ChainRules } from './chain-rules.ts'
import type { VerifyJournal } from './verify-report.ts'

/** A member's node that signed two different things for one height: proved by its own signatures, whoever kept them. */
export interface ProvenEvidence { readonly node: number; readonly member: number; readonly height: number }

/** Checks the evidence a node has kept in `evidence.ndjson`. A line that proves nothing is a finding: evidence is written whole or not at all. */
export async function checkEvidence(dataDir: string, rules: ChainRules, journal: VerifyJournal): Promise<ProvenEvidence[]> {
  const file = join(dataDir, 'evidence.ndjson')
  const proven: ProvenEvidence[] = []
  const lines = (await textOf(file)).split('\n')
  lines.forEach((line, i) => {
    if (line === '' && i === lines.length - 1) return
    try {
      const { content, node } = provenBy(line, rules)
      proven.push({ node, member: rules.members.voters.find((voter) => voter.node === node)!.member, height: Number(content.height) })
    } catch (error) {
      if (!(error instanceof SteleError) && !(error instanceof SyntaxError)) throw error
      journal.find({ part: 'certificates', code: 'EVIDENCE_DAMAGED', rule: 'a line of evidence holds two statements, signed by one node, that differ at one height', file, details: { line: i + 1 } })
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

function provenBy(line: string, rules: ChainRules): Attestation {
  const { first, second } = JSON.parse(line) as { readonly first?: unknown; readonly second?: unknown }
  const [one, other] = [first, second].map((hex) => decode(attestationSchema, maybeFromHex(String(hex)) ?? new Uint8Array(0)))
  const voter = rules.members.voters.find(({ node }) => node === one!.node)
  const signed = ({ content, signature }: Attestation): boolean => voter !== undefined && verify(voter.attestationKey, attestationBytes(rules.chain, content), signature)
  const sameHeight = one!.node === other!.node && one!.content.epoch === other!.content.epoch && one!.content.height === other!.content.height
  const differ = !equalBytes(encode(attestationContent, one!.content), encode(attestationContent, other!.content))
  if (!sameHeight || !differ || !signed(one!) || !signed(other!)) throw new SteleError({ code: 'EVIDENCE_DAMAGED', message: 'the line proves nothing' })
  return one!
}
