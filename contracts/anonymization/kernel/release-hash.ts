import { utf8Bytes, toHex } from '../../../primitives/bytes.ts'
import { domainPrefix, sha256Stream } from '../../../primitives/hash.ts'
import type { Rational } from './rational.ts'
import { cellText } from './release.ts'
import type { Release } from './release.ts'

/** Writes the canonical bytes of a release into a hash: lengths before everything that varies, whole numbers as eight or four bytes little-endian. */
class Writer {
  private readonly hash = sha256Stream()

  bytes(bytes: Uint8Array): void {
    this.hash.update(bytes)
  }

  number(value: number): void {
    this.big(BigInt(value))
  }

  big(value: bigint): void {
    this.text(value.toString())
  }

  text(text: string): void {
    const bytes = utf8Bytes(text)
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, bytes.length, true)
    this.hash.update(length)
    this.hash.update(bytes)
  }

  list<T>(items: Iterable<T> & { readonly length: number }, write: (item: T) => void): void {
    this.number(items.length)
    for (const item of items) write(item)
  }

  /** Four bytes a number, little-endian on every machine. */
  integers(values: Int32Array): void {
    this.number(values.length)
    const bytes = new Uint8Array(values.length * 4)
    for (let i = 0, at = 0; i < values.length; i++) {
      const value = values[i]!
      bytes[at++] = value
      bytes[at++] = value >> 8
      bytes[at++] = value >> 16
      bytes[at++] = value >> 24
    }
    this.hash.update(bytes)
  }

  rational({ num, den }: Rational): void {
    this.big(num)
    this.big(den)
  }

  digest(): string {
    return toHex(this.hash.digest())
  }
}

/**
 * SHA-256 (hex) over everything a release says: columns, values, classes, rows, metrics, risk and statistics, under the domain `anonymized-release`. Equal releases have equal
 * hashes on every machine; members attest to this.
 */
export function releaseHash(release: Release): string {
  const writer = new Writer()
  writer.bytes(domainPrefix('anonymized-release'))
  writer.number(release.version)
  writer.text(release.algorithm)
  for (const count of [release.rowCount, release.suppressedCount, release.droppedCount]) writer.number(count)
  writer.list(release.levels ?? [], (level) => writer.number(level))
  writer.list(release.quasi, ({ name, type, scale, range, values, codes }) => {
    for (const text of [name, type]) writer.text(text)
    for (const value of [scale, range]) writer.number(value)
    writer.list(values, (value) => {
      writer.text(value.kind)
      writer.text(cellText(value))
      writer.number(value.kind === 'node' ? value.level : 0)
      writer.number(value.kind === 'set' ? value.values.length : 0)
    })
    writer.integers(codes)
  })
  writer.integers(release.classSizes)
  writer.list(release.populationSizes === undefined ? [] : [release.populationSizes], (sizes) => writer.integers(sizes))
  writer.list(release.payload, ({ name, role, type, values, codes, originalCounts }) => {
    for (const text of [name, role, type]) writer.text(text)
    writer.list(values, (value) => writer.text(value))
    writer.integers(codes)
    writer.list(originalCounts === undefined ? [] : [originalCounts], (counts) => writer.integers(counts))
  })
  const { metrics, risk } = release
  for (const value of [metrics.ncp, ...metrics.ncpByColumn, metrics.averageClassSize, risk.prosecutorMax, risk.prosecutorAverage, risk.marketer]) writer.rational(value)
  writer.big(metrics.discernibility)
  for (const count of [metrics.classCount, metrics.smallestClass, metrics.largestClass]) writer.number(count)
  writer.list(risk.journalistMax === undefined ? [] : [risk.journalistMax], (value) => writer.rational(value))
  writer.list(release.statistics, ({ columns, scales, sum, products }) => {
    writer.list(columns, (name) => writer.text(name))
    writer.list(scales, (scale) => writer.number(scale))
    writer.list(sum, (value) => writer.big(value))
    writer.list(products, (value) => writer.big(value))
  })
  return writer.digest()
}
