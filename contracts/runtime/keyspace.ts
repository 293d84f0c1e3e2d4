/**
 * First byte of every state key. Numbers are never reused; the second byte is the table's own number.
 * The rest of a key is the fixed-length parts the table declares, so no two keys of a table can collide.
 */
export const CONTRACT_NUMBERS = { runtime: 0, membership: 1, identity: 2, consent: 3, records: 4, access: 5, anonymization: 6 } as const
export type ContractNamespace = keyof typeof CONTRACT_NUMBERS
