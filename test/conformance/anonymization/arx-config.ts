/** A call such as `new KAnonymity(5)`, taken apart: name and arguments as text. */
export interface JavaCall { readonly name: string; readonly args: readonly string[] }

/** One ARX test: `ARXConfiguration.create(limit, Metric.createX(…)).addPrivacyModel(new Y(…))…`. */
export interface ArxConfig { readonly suppressionLimit: string; readonly metric: JavaCall; readonly models: readonly JavaCall[] }

/** The text up to the bracket that closes the one before `from`, and the place behind it. */
function balanced(text: string, from: number): { inside: string; end: number } {
  let depth = 1
  let quoted = false
  for (let i = from; i < text.length; i++) {
    const char = text[i]!
    if (char === '"') quoted = !quoted
    else if (!quoted && char === '(') depth++
    else if (!quoted && char === ')' && --depth === 0) return { inside: text.slice(from, i), end: i + 1 }
  }
  throw new RangeError('brackets do not match')
}

/** Arguments at the top level. */
function splitArgs(text: string): string[] {
  const args: string[] = []
  let [depth, start, quoted] = [0, 0, false]
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char === '"') quoted = !quoted
    else if (quoted || char === "'") continue
    else if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === ',' && depth === 0) {
      args.push(text.slice(start, i).trim())
      start = i + 1
    }
  }
  const last = text.slice(start).trim()
  return last === '' && args.length === 0 ? [] : [...args, last]
}

function readCall(text: string): JavaCall {
  const match = /^(?:new )?([\w.]+)\(/.exec(text)
  if (match === null) return { name: text, args: [] }
  return { name: match[1]!.split('.').at(-1)!, args: splitArgs(balanced(text, match[0].length).inside) }
}

/** A Java number as exact text: `0.04d` → `0.04`, `5` → `5`. */
export function javaNumber(text: string): string {
  const match = /^(-?\d+(?:\.\d+)?)[dDfFlL]?$/.exec(text)
  if (match === null) throw new RangeError(`not a number: ${text}`)
  return match[1]!
}

/**
 * All configurations in a text. The extraction ran some tests together, `…, null, false) }, { new ARXAnonymizationTestCase(ARXConfiguration.create(…`: the last one belongs to the loss of
 * the case; those before it expect what stands behind them, and only "no solution" (`null`) occurs.
 */
export function readConfigs(text: string): { readonly config: ArxConfig; readonly expectsNone: boolean }[] {
  const start = 'ARXConfiguration.create('
  const begins: number[] = []
  for (let at = text.indexOf(start); at !== -1; at = text.indexOf(start, at + 1)) begins.push(at)
  return begins.map((begin, i) => {
    const { inside, end } = balanced(text, begin + start.length)
    const [limit, metric] = splitArgs(inside)
    const models: JavaCall[] = []
    let rest = end
    for (let match = /^\.(\w+)\(/.exec(text.slice(rest)); match !== null; match = /^\.(\w+)\(/.exec(text.slice(rest))) {
      const call = balanced(text, rest + match[0].length)
      models.push(match[1] === 'addPrivacyModel' ? readCall(call.inside.trim()) : { name: match[1]!, args: [call.inside] })
      rest = call.end
    }
    return { config: { suppressionLimit: javaNumber(limit!), metric: readCall(metric ?? ''), models }, expectsNone: i + 1 < begins.length && /^\)?[^{]*\bnull\b/.test(text.slice(rest, begins[i + 1])) }
  })
}

/** `java.util.Random`: a linear congruence modulo 2^48. */
export class JavaRandom {
  private seed: bigint

  constructor(seed: number) {
    this.seed = (BigInt(seed) ^ 0x5deece66dn) & 0xffff_ffff_ffffn
  }

  nextInt(bound: number): number {
    for (;;) {
      this.seed = (this.seed * 0x5deece66dn + 0xbn) & 0xffff_ffff_ffffn
      const bits = Number(this.seed >> 17n)
      if ((bound & -bound) === bound) return Number((BigInt(bound) * BigInt(bits)) >> 31n)
      const value = bits % bound
      if (bits - value + (bound - 1) < 2 ** 31) return value
    }
  }
}
