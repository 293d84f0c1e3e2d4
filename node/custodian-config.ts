import { dirname, resolve } from 'node:path'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { deepFreeze, parseYaml, readText } from './config.ts'

/**
 * The configuration file of an institution's custodian; the commands that act for the institution read it too. Paths are relative to the file.
 * Descriptions say what gets worse at either end; docs/configuration.md is made from this table.
 */
export const custodianConfigSchema = Type.Object({
  version: Type.Literal(1, { description: 'format of this file' }),
  member: Type.Integer({ minimum: 1, maximum: 0xffffffff, description: 'the institution\'s member number in genesis' }),
  genesis: Type.String({ minLength: 1, description: 'path of the genesis file: the one thing that the custodian trusts' }),
  rpc: Type.String({ pattern: '^https?://', description: 'URL of the institution\'s own node; it evaluates permits, so never another institution\'s' }),
  operator: Type.String({ minLength: 1, description: 'encrypted operator keys, mode 0600' }),
  passphraseFile: Type.Optional(Type.String({ minLength: 1, description: 'file whose first line opens the keystores; else STELE_PASSPHRASE, else a prompt' })),
  dataDir: Type.String({ minLength: 1, description: 'folder of data keys, tag keys and the cursor; one process at a time; leave it out of backups that must forget' }),
  keystore: Type.Optional(Type.String({ minLength: 1, description: 'encrypted master key of dataDir, made at the first start; default: dataDir with `.key.json` appended' })),
  socket: Type.Optional(Type.String({ minLength: 1, description: 'Unix socket for the institution\'s importer; default: custodian.sock in dataDir' })),
  waitMs: Type.Integer({ minimum: 100, maximum: 25_000, default: 20_000, description: 'longest wait for the next permit in one request, ms; too small asks needlessly often, too large notices a dead node late' }),
  retryMs: Type.Integer({ minimum: 50, maximum: 60_000, default: 500, description: 'pause before a release is tried again when too few members answered, ms; too small loads a cluster in trouble, too large keeps readers waiting' }),
  log: Type.Object({
    level: Type.Enum(['debug', 'info', 'warn', 'error'], { default: 'info', description: 'least severity that is written' }),
  }, { additionalProperties: false, default: {} }),
}, { additionalProperties: false })

type Parsed = Static<typeof custodianConfigSchema>
/** Absolute paths, defaults filled in, frozen. */
export type CustodianConfig = Omit<Parsed, 'keystore' | 'socket'> & { readonly keystore: string; readonly socket: string }

const compiled = Compile(custodianConfigSchema)

/** Reads and checks the file. Throws `CONFIG_UNREADABLE`, `CONFIG_SYNTAX` or `CONFIG_INVALID` naming key, line and rule. */
export function loadCustodianConfig(path: string): CustodianConfig {
  return parseCustodianConfig(readText(path), path)
}

export function parseCustodianConfig(text: string, path: string): CustodianConfig {
  const parsed = parseYaml<Parsed>(custodianConfigSchema, compiled, text, path)
  const at = (relative: string): string => resolve(dirname(resolve(path)), relative)
  const dataDir = at(parsed.dataDir)
  return deepFreeze({
    ...parsed, dataDir, genesis: at(parsed.genesis), operator: at(parsed.operator),
    keystore: parsed.keystore === undefined ? `${dataDir}.key.json` : at(parsed.keystore),
    socket: parsed.socket === undefined ? resolve(dataDir, 'custodian.sock') : at(parsed.socket),
    ...(parsed.passphraseFile === undefined ? {} : { passphraseFile: at(parsed.passphraseFile) }),
  })
}
