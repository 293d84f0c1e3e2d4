/** Made-up values for the examples of the registry: right in form, of no chain. */
const digits = (seed: number, bytes: number): string => Array.from({ length: bytes }, (_, i) => ((seed * 37 + i * 11) % 256).toString(16).padStart(2, '0')).join('')

export const SAMPLE = {
  chain: digits(1, 32), account: digits(2, 32), patient: digits(3, 32), clinician: digits(4, 32), transaction: digits(5, 32), consent: digits(6, 32),
  record: digits(7, 32), blob: digits(8, 32), block: digits(9, 32), parent: digits(10, 32), root: digits(11, 32), nonce: digits(12, 32), hash: digits(13, 32),
  tag: digits(14, 16), key: `01${digits(15, 32)}`, sealKey: digits(16, 32), signature: digits(17, 64), auth: digits(18, 178), bytes: digits(19, 40),
} as const
export const SAMPLE_TIME_MS = 1_795_000_000_000
export const SAMPLE_AS_OF = { height: 1042, hash: SAMPLE.block, term: 7 }
