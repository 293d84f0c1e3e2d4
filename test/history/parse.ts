import type { History } from './check.ts'
import { keyValue, register } from './models.ts'
import { malformed } from './operation.ts'
import { LOG_LINE, parseEtcd } from './parse-etcd.ts'
import { parseKv } from './parse-kv.ts'
import { parseNdjson } from './parse-ndjson.ts'

/** Reads a history of any known form, told by its first line. Throws `HISTORY_MALFORMED` with line and reason. */
export function parseHistory(text: string): History {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const first = lines.find((line) => line.trim() !== '')
  if (first === undefined) throw malformed(1, 'the file is empty')
  if (LOG_LINE.test(first)) return { form: 'etcd', model: register, operations: parseEtcd(lines) }
  if (first.startsWith('{:')) return { form: 'kv', model: keyValue, operations: parseKv(lines) }
  if (first.startsWith('{"')) return { form: 'stele', ...parseNdjson(lines) }
  throw malformed(lines.indexOf(first) + 1, 'neither a Jepsen log, nor events in EDN, nor ours in JSON')
}
