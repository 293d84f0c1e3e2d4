import { equalBytes, toHex } from '../../primitives/bytes.ts'
import type { DatasetTerms, ReleaseFigures, Verdict } from '../../primitives/calls/anonymization.ts'
import { encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { hash } from '../../primitives/hash.ts'
import type { Reader } from '../runtime/table.ts'
import { definitionOfForm } from './definition-forms.ts'
import { documentHash, figuresOf, ppm, readDocument, sealSelection } from './document.ts'
import { originFault } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import { checkRelease, codedDefinition, toRational } from './kernel/index.ts'
import type { DatasetDefinition, Finding, Release } from './kernel/index.ts'
import { mayBeReleased } from './person-consent.ts'
import { definitionSchema } from './release-format.ts'
import type { ReleaseDocument } from './release-format.ts'
import { releaseOfForm } from './release-forms.ts'
import { datasetVersions, releaseRequests, releases, selections } from './tables.ts'
import type { Release as LedgerRelease } from './tables.ts'

/** What a member found, for its own log: which rule, and where. No account and no cell. */
export interface Judgement { readonly verdict: Verdict; readonly rule: string; readonly findings: readonly Finding[] }

const fault = (verdict: Verdict, rule: string, findings: readonly Finding[] = []): Judgement => ({ verdict, rule, findings })

/** Findings by what they say about the release. */
const VERDICT_OF: Partial<Record<Finding['code'], Verdict>> = { RELEASE_K: 'policy', RELEASE_K_MAP: 'policy', RELEASE_MODEL: 'policy', RELEASE_PRESENCE: 'policy', RELEASE_RISK: 'policy', RELEASE_SUPPRESSION: 'policy', RELEASE_VALUE: 'hierarchy', RELEASE_HASH: 'rows', RELEASE_ORDER: 'rows', RELEASE_SHAPE: 'rows' }
const GRAVEST_FIRST: readonly Verdict[] = ['policy', 'hierarchy', 'rows', 'figures']

/**
 * Checks a claimed release against its document and the ledger, as every member does before it attests (DESIGN §5.10). Reads the state of this node; deterministic, so
 * members with equal states, documents and evidence agree. Undefined when there is no such release.
 */
export function judgeRelease(reader: Reader, id: Uint8Array, documentBytes: Uint8Array, evidence: Evidence): Judgement | undefined {
  const claimed = reader.get(releases, id)
  if (claimed === undefined) return undefined
  if (!equalBytes(documentHash(documentBytes), claimed.document)) return fault('document', 'the document has the hash on the ledger')
  const opened = openDocument(documentBytes)
  if (opened === undefined || !equalBytes(opened.document.request, claimed.request)) return fault('document', 'a document of this request, in canonical bytes')
  const { document } = opened
  const terms = reader.get(datasetVersions, claimed.dataset, claimed.version)!
  if (!equalBytes(hash('dataset-definition', encode(definitionSchema, document.definition)), terms.definition) || !matchesTerms(opened.definition, terms)) return fault('definition', 'the definition and policy of the data set')
  const definition = terms.mode === 'coded' ? codedDefinition(opened.definition) : opened.definition
  const release = releaseOfForm(document.release)
  const found = personsFault(reader, claimed, document) ?? rowsFault(claimed, document, definition, release) ?? originFault(reader, { id, claimed, terms, document, definition, release }, evidence)
  return found === undefined ? fault('sound', 'all') : { findings: [], ...found }
}

/** A document with its definition; undefined for bytes that are none. */
export function openDocument(bytes: Uint8Array): { readonly document: ReleaseDocument; readonly definition: DatasetDefinition } | undefined {
  try {
    const document = readDocument(bytes)
    return { document, definition: definitionOfForm(document.definition) }
  } catch (error) {
    // Whatever somebody else's bytes are, the answer is a verdict; a fault of this program still ends it.
    if (/^(?:CODEC|ANONYMIZATION)_/.test(errorCode(error) ?? '')) return undefined
    throw error
  }
}

function matchesTerms({ policy, algorithm, attributes }: DatasetDefinition, { k, suppressionPpm, prosecutorPpm, mode, siteFloor }: DatasetTerms): boolean {
  if ((algorithm.name === 'joint' ? algorithm.siteFloor : 0) !== siteFloor || attributes.some(({ coded = 0 }) => coded > 0) !== (mode === 'coded')) return false
  const suppression = ppm(toRational(policy.suppressionLimit ?? '0', 'suppressionLimit'), 'half-up')
  return policy.k === k && suppression === suppressionPpm && (policy.risk?.prosecutor === undefined || ppm(toRational(policy.risk.prosecutor, 'prosecutor'), 'half-up') === prosecutorPpm)
}

/** Selections open to their roots, and every consent carried the release. */
function personsFault(reader: Reader, { request, readAtHeight, timeMs }: LedgerRelease, document: ReleaseDocument): Judgement | undefined {
  const asked = reader.get(releaseRequests, request)!
  if (document.selections.map(({ member }) => member).join() !== asked.contributors.join()) return fault('selection', 'one selection of each contributor, ascending')
  const seen = new Set<string>()
  for (const { member, persons } of document.selections) {
    const selected = reader.get(selections, request, member)!
    if (persons.length !== selected.persons || !equalBytes(sealSelection(persons).root, selected.selection)) return fault('selection', 'persons open to the root and count on the ledger')
    const use = { contributor: member, requester: asked.requester, requesterMember: asked.member, purpose: asked.purpose, readAtHeight, timeMs }
    for (const person of persons) {
      const account = toHex(person.account)
      if (seen.has(account)) return fault('selection', 'a person stands in a release once')
      seen.add(account)
      if (!mayBeReleased(reader, person, use)) return fault('consent', 'every person\'s consent carried the release')
    }
  }
  return undefined
}

/** The rows keep the policy and give the hash and figures on the ledger. */
function rowsFault({ hash: claimedHash, figures }: LedgerRelease, document: ReleaseDocument, definition: DatasetDefinition, release: Release): Judgement | undefined {
  const persons = document.selections.reduce((sum, each) => sum + each.persons.length, 0)
  const { ok, findings } = checkRelease(release, definition, { hash: toHex(claimedHash), rowCount: persons - release.droppedCount })
  if (!ok) {
    const verdicts = new Set(findings.map(({ code }) => VERDICT_OF[code] ?? 'figures'))
    const verdict = GRAVEST_FIRST.find((each) => verdicts.has(each)) ?? 'figures'
    const [first] = findings.filter(({ code }) => (VERDICT_OF[code] ?? 'figures') === verdict)
    return fault(verdict, first?.rule ?? 'the release', findings)
  }
  const measured = figuresOf(release)
  const differing = (Object.keys(figures) as (keyof ReleaseFigures)[]).sort().find((name) => measured[name] !== figures[name])
  return differing === undefined ? undefined : fault('figures', `${differing} as on the ledger`)
}
