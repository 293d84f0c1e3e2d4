import type { MetricsRegister } from '../primitives/ports.ts'

/** Metrics of the vault. Alert on any damage, on copies that fail for long, and on used bytes near the quota. */
export function createVaultMetrics(register: MetricsRegister) {
  return {
    usedBytes: register.gauge('stele_vault_used_bytes', 'Bytes of blobs and uploads on this node'),
    damage: register.counter('stele_vault_damage_total', 'Damaged places found in stored blobs since the start', ['part']),
    copies: register.counter('stele_vault_copies_total', 'Copies of record versions to other members', ['outcome']),
    mailboxEntries: register.gauge('stele_mailbox_entries', 'Entries and tombstones in the mailbox'),
    mailboxWaiting: register.gauge('stele_mailbox_deliveries_waiting', 'Mailbox deliveries to members that did not answer'),
  }
}
export type VaultMetrics = ReturnType<typeof createVaultMetrics>
