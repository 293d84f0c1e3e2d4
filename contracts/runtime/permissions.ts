/**
 * Contract × table → read or write; what is not listed is closed. One table, so that a reviewer sees in one place who can change
 * what: only `consent` writes consents, only `records` writes records, only `membership` writes members and their keys, and `access` writes nothing at all.
 */
export const PERMISSIONS = {
  identity: {
    'membership.members': 'read', 'identity.accounts': 'write', 'identity.attributes': 'write', 'identity.sequences': 'write',
  },
  consent: {
    'membership.members': 'read', 'identity.accounts': 'read', 'identity.sequences': 'write',
    'consent.consents': 'write', 'consent.earlier': 'write', 'consent.pairs': 'write', 'consent.tombstones': 'write', 'consent.counts': 'write', 'consent.lists': 'write',
  },
  records: {
    'membership.nodes': 'read', 'membership.roster': 'read', 'identity.accounts': 'read', 'identity.attributes': 'read',
    'consent.consents': 'read', 'consent.pairs': 'read',
    'records.records': 'write', 'records.versions': 'write', 'records.sections': 'write', 'records.counts': 'write', 'records.lists': 'write',
  },
  access: {
    'identity.accounts': 'read', 'identity.attributes': 'read', 'consent.consents': 'read', 'consent.pairs': 'read',
    'records.records': 'read', 'records.versions': 'read', 'records.sections': 'read',
  },
  anonymization: {
    'membership.members': 'read', 'membership.roster': 'read', 'identity.accounts': 'read', 'identity.attributes': 'read',
    'anonymization.datasets': 'write', 'anonymization.versions': 'write', 'anonymization.requests': 'write', 'anonymization.selections': 'write', 'anonymization.releases': 'write',
    'anonymization.attestations': 'write', 'anonymization.accepted': 'write', 'anonymization.budgets': 'write', 'anonymization.answers': 'write', 'anonymization.challenges': 'write',
    'anonymization.registrySize': 'write', 'anonymization.registry': 'write', 'anonymization.comparisons': 'write', 'anonymization.paidOverlaps': 'write',
    'anonymization.contributions': 'write', 'anonymization.sites': 'write', 'anonymization.overlapParts': 'write', 'anonymization.overlapClaims': 'write',
  },
  membership: {
    'membership.members': 'write', 'membership.nodes': 'write', 'membership.roster': 'write', 'membership.parameters': 'write', 'membership.governance': 'write',
    'membership.proposals': 'write', 'membership.proposalList': 'write', 'membership.ballots': 'write', 'membership.activations': 'write', 'identity.accounts': 'write',
  },
} as const satisfies Record<string, Record<string, 'read' | 'write'>>

const rows = new Map(Object.entries(PERMISSIONS).map(([contract, row]) => [contract, new Map<string, 'read' | 'write'>(Object.entries(row))]))

/** What `contract` may do with the table of this full name (`namespace.name`). */
export function permissionOf(contract: string, fullName: string): 'none' | 'read' | 'write' {
  return rows.get(contract)?.get(fullName) ?? 'none'
}
