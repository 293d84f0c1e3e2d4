/** Says on stderr how far long work is: one line that is rewritten at a terminal, a line every few seconds elsewhere. */
export interface Progress {
  /** `done` of `total` in a phase; an unknown total shows the count alone. */
  show(phase: string, done: number, total: number | undefined): void
  /** Takes the line away. */
  clear(): void
}

/** Shorter work says nothing outside a terminal. */
const QUIET_MS = 2_000
const LINE_MS = 100

export function createProgress(stream: { readonly isTTY?: boolean; write(text: string): unknown }, now: () => number): Progress {
  const started = now()
  let last = started
  let shown = false
  return {
    show: (phase, done, total) => {
      const at = now()
      if (at - last < (stream.isTTY === true ? LINE_MS : QUIET_MS)) return
      last = at
      const share = total === undefined || total === 0 ? `${done}` : `${Math.min(100, Math.floor((done * 100) / total))} %`
      const text = `${phase}: ${share}`
      stream.write(stream.isTTY === true ? `\r\u001b[2K${text}` : `${text}\n`)
      shown = true
    },
    clear: () => {
      if (shown && stream.isTTY === true) stream.write('\r\u001b[2K')
      shown = false
    },
  }
}
