/**
 * Cost units of execution; one unit stands for 25 ns of the reference CPU, so the default block limit of 4,000,000 is 100 ms.
 * The numbers are part of the agreement: receipts carry costs, so a change needs an activation height.
 */
export const COST = {
  /** Authorisation, argument decoding, receipt, share of the block's trees. */
  transaction: 800,
  /** Per byte of the complete transaction. */
  transactionByte: 1,
  read: 200,
  readByte: 1,
  /** A write also pays for its path in the state tree. */
  write: 1000,
  writeByte: 1,
  event: 100,
  eventByte: 1,
  /** One signature inside the arguments; its verdict is usually cached from the door. */
  proof: 2400,
} as const

/** Adds up what one transaction did. */
export class CostMeter {
  private spent = 0

  add(units: number): void {
    this.spent += units
  }

  /** Cost units so far; fits u32 because arguments, reads and events are bounded. */
  get total(): number {
    return this.spent
  }
}
