import { isUtf8 } from 'node:buffer'
import type { History } from './check.ts'
import { register } from './models.ts'
import { malformed } from './operation.ts'
import { parseEdn } from './parse-edn.ts'
import { LOG_LINE, parseEtcd } from './parse-etcd.ts'
import { parseNdjson } from './parse-ndjson.ts'

/** A file's bytes as text. Throws `HISTORY_MALFORMED` where they are not UTF-8: values that differ there only would look alike. */
export function decodeText(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  for (let [line, from] = [1, 0]; ; line++) {
    const end = bytes.indexOf(0x0a, from)
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) throw malformed(line, 'the line is not UTF-8')
    from = end + 1
  }
}

/** Reads a history of any known form, told by its first line. Throws `HISTORY_MALFORMED` with line and reason. */
export function parseHistory(text: string): History {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const first = lines.find((line) => !/^[\s,]*(?:;.*)?$/.test(line))
  if (first === undefined) throw malformed(1, 'the file is empty')
  if (LOG_LINE.test(first)) return { form: 'etcd', model: register, operations: parseEtcd(lines) }
  if (/^[\s,]*(?:#[\w./-]+[\s,]*)?\{[\s,]*:/.test(first)) return { form: 'edn', ...parseEdn(lines) }
  if (first.startsWith('{"')) return { form: 'stele', ...parseNdjson(lines) }
  throw malformed(lines.indexOf(first) + 1, 'neither a Jepsen log, nor events in EDN, nor ours in JSON')
}
