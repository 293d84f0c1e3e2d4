/** ⌊a / b⌋ for safe whole numbers, b > 0. The rest is taken off first, so that the division comes out even and is exact. */
export function quotient(a: number, b: number): number {
  const rest = ((a % b) + b) % b
  return (a - rest) / b
}

/** a / b for bigints, rounded towards zero. */
export function divideBig(a: bigint, b: bigint): bigint {
  return a / b
}
