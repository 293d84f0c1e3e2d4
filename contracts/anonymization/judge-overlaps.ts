import { equalBytes, toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { overlapFigures } from '../../primitives/calls/anonymization.ts'
import type { OverlapFigures } from '../../primitives/calls/anonymization.ts'
import type { Reader } from '../runtime/table.ts'
import { documentHash } from './document.ts'
import { openDocument } from './judge.ts'
import type { Judgement } from './judge.ts'
import { overlapFiguresOf, overlapPartFault, overlapPartHash, overlapPartsFault, partsOf } from './overlap-part.ts'
import type { KnownRelease, OverlapPart } from './overlap-part.ts'
import { registeredCount, sharesContributor } from './registry.ts'
import type { ReleaseDocument } from './release-format.ts'
import { overlapClaims, overlapParts, registry, releaseRequests, releases } from './tables.ts'

/** What a member has at hand besides the document of the release it judges: documents of earlier releases, and parts of their overlaps. */
export interface OverlapFiles { readonly documents: readonly Uint8Array[]; readonly parts: readonly OverlapPart[] }
/** An accepted release that shares contributors with the one in question, and what is missing to compare the two. */
export interface OverlapNeed { readonly position: number; readonly earlier: Uint8Array; readonly members: readonly number[]; readonly lacks: 'document' | 'parts' }
export interface FoundOverlap { readonly position: number; readonly earlier: Uint8Array; readonly figures: OverlapFigures; readonly rule: string | undefined }

/** Accepted releases that share a contributor with a claimed one, by position in the registry, with the members who contributed to both. Of one that is accepted itself only those before it count. */
export function overlapping(reader: Reader, id: Uint8Array, contributors: readonly number[]): { readonly position: number; readonly release: Uint8Array; readonly k: number; readonly members: readonly number[] }[] {
  const accepted = Array.from({ length: registeredCount(reader) }, (_, position) => ({ position, ...reader.get(registry, position)! }))
  const own = accepted.findIndex(({ release }) => equalBytes(release, id))
  return accepted.slice(0, own === -1 ? accepted.length : own)
    .filter((earlier) => sharesContributor(earlier, contributors))
    .map(({ position, release, k, contributors: theirs }) => ({ position, release, k, members: theirs.filter((member) => contributors.includes(member)) }))
}

function known({ release, selections }: ReleaseDocument): KnownRelease {
  return { classSizes: release.classSizes, contributors: selections.map(({ member }) => member), persons: (member) => selections.find((each) => each.member === member)?.persons ?? [] }
}

/** How a claimed release lies beside every earlier one, from the documents and parts in hand; or what is missing for that. */
export function findOverlaps(reader: Reader, id: Uint8Array, document: ReleaseDocument, files: OverlapFiles): readonly (FoundOverlap | OverlapNeed)[] {
  const { contributors } = reader.get(releaseRequests, reader.get(releases, id)!.request)!
  const later = known(document)
  return overlapping(reader, id, contributors).map(({ position, release: earlier, members }) => {
    const claimed = reader.get(releases, earlier)!
    const bytes = files.documents.find((each) => equalBytes(documentHash(each), claimed.document))
    const opened = bytes === undefined ? undefined : openDocument(bytes)
    if (opened === undefined) return { position, earlier, members, lacks: 'document' }
    const parts = partsOf(files.parts, { release: id, earlier }, members)
    if (parts === undefined) return { position, earlier, members, lacks: 'parts' }
    const before = known(opened.document)
    const strange = parts.find((part) => { const stands = reader.get(overlapParts, id, position, part.member); return stands === undefined || !equalBytes(stands, overlapPartHash(part)) })
    const rule = strange !== undefined ? `the part of member ${strange.member} has the hash on the ledger`
      : parts.map((part) => overlapPartFault(part, before, later)).find((each) => each !== undefined) ?? overlapPartsFault(parts, before, later)
    return { position, earlier, figures: rule === undefined ? overlapFiguresOf(parts, before, later) : NOTHING, rule }
  })
}
const NOTHING: OverlapFigures = { common: 0, smallestIntersection: 0, smallestLeft: 0, smallestJoined: 0, refines: true }

/**
 * Checks what a release's author claims of its overlaps with earlier ones; for a release that `judgeRelease` found sound. The needs are what this member has to ask for before it can say anything.
 * Undefined when there is no such release.
 */
export function judgeOverlaps(reader: Reader, id: Uint8Array, documentBytes: Uint8Array, files: OverlapFiles): Judgement | { readonly needs: readonly OverlapNeed[] } | undefined {
  const opened = openDocument(documentBytes)
  if (reader.get(releases, id) === undefined || opened === undefined) return undefined
  const found = findOverlaps(reader, id, opened.document, files)
  const needs = found.filter((each): each is OverlapNeed => 'lacks' in each)
  if (needs.length > 0) return { needs }
  for (const each of found) {
    if ('lacks' in each) continue
    const about = `release ${toHex(each.earlier)}`
    if (each.rule !== undefined) return { verdict: 'overlap', rule: `${each.rule} (beside ${about})`, findings: [] }
    const claims = reader.get(overlapClaims, id, each.position)
    if (claims === undefined) return { verdict: 'overlap', rule: `a comparison with ${about}`, findings: [] }
    if (!equalBytes(encode(overlapFigures, claims), encode(overlapFigures, each.figures))) return { verdict: 'overlap', rule: `the comparison with ${about} is what the parts give`, findings: [] }
  }
  return { verdict: 'sound', rule: 'all', findings: [] }
}
