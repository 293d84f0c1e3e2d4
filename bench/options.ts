import { parseArgs } from 'node:util'

/** Names that `--only` takes, in the order in which they run. `growth` and `join` take many minutes and run only when named. */
export const FIGURES = ['ceiling', 'idle', 'latency', 'throughput', 'decisions', 'reads', 'catch-up', 'failover', 'growth', 'join'] as const
export type FigureName = typeof FIGURES[number]
/** The figures that need nodes: all but the ceiling, which is taken while nothing else runs. */
export type NodeFigureName = Exclude<FigureName, 'ceiling'>

/** How much is done for each figure. Counts are per run; the value reported is the median of the runs. */
export interface Sizes {
  readonly runs: number
  readonly transactions: number
  readonly decisions: number
  /** Sequential writes per latency run. */
  readonly writes: number
  /** Seconds: of each load on etcd, of each load of reads, of the verification ceiling, of idling. */
  readonly etcdSeconds: number
  readonly readSeconds: number
  readonly ceilingSeconds: number
  readonly idleSeconds: number
  readonly failoverRounds: number
  /** Transactions with which `growth` and `join` fill the ledger. */
  readonly growth: number
}

const FULL: Sizes = { runs: 5, transactions: 20_000, decisions: 10_000, writes: 500, etcdSeconds: 5, readSeconds: 5, ceilingSeconds: 3, idleSeconds: 30, failoverRounds: 7, growth: 1_000_000 }
const QUICK: Sizes = { runs: 1, transactions: 2000, decisions: 1000, writes: 100, etcdSeconds: 1, readSeconds: 1, ceilingSeconds: 0.5, idleSeconds: 3, failoverRounds: 2, growth: 10_000 }

export interface Options { readonly figures: readonly FigureName[]; readonly quick: boolean; readonly format: 'table' | 'json' | 'markdown'; readonly write: boolean; readonly etcd: boolean; readonly sizes: Sizes }

export const USAGE = `npm run bench -- [--quick] [--only NAME]… [--json | --markdown] [--write] [--no-etcd]
                 [--transactions N] [--runs N] [--growth N]

  --quick          a minute instead of ten; shows that everything runs, not what it reaches
  --only NAME      one of ${FIGURES.join(', ')}; may be given again (growth and join run only when named)
  --no-etcd        leaves etcd out, though it is installed
  --json           one JSON document on standard output instead of the table
  --markdown       the table as in docs/performance.md
  --write          also puts the table into docs/performance.md and the raw figures into bench/last-run.json
  --transactions N, --runs N, --growth N   other sizes than usual`

/** Reads the command line. Throws `TypeError` or `RangeError` naming the flag. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, markdown: { type: 'boolean', default: false }, write: { type: 'boolean', default: false }, 'no-etcd': { type: 'boolean', default: false },
      only: { type: 'string', multiple: true }, transactions: { type: 'string' }, runs: { type: 'string' }, growth: { type: 'string' },
    },
  })
  const figures = (values.only ?? FIGURES.filter((name) => name !== 'growth' && name !== 'join')).map((name) => {
    const known = FIGURES.find((figure) => figure === name)
    if (known === undefined) throw new RangeError(`--only ${name}: must be one of ${FIGURES.join(', ')}`)
    return known
  })
  const sizes = values.quick ? QUICK : FULL
  const count = (flag: 'transactions' | 'runs' | 'growth'): number => positive(flag, values[flag], sizes[flag])
  return {
    figures: FIGURES.filter((name) => figures.includes(name)), quick: values.quick, write: values.write, etcd: !values['no-etcd'], format: values.json ? 'json' : values.markdown ? 'markdown' : 'table',
    sizes: { ...sizes, transactions: count('transactions'), runs: count('runs'), growth: count('growth') },
  }
}

function positive(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${flag} ${text}: must be a whole number from 1`)
  return value
}
