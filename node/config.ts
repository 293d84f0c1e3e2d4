import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { LineCounter, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import { SteleError, errorCode } from '../primitives/error.ts'
import { nearestWord } from './nearest-word.ts'

const closed = { additionalProperties: false } as const
const port = (description: string, value: number) => Type.Integer({ minimum: 0, maximum: 65535, default: value, description })

/**
 * The one configuration file of a node. Descriptions say what gets worse at either end; docs/configuration.md is made from this table.
 * What must be equal on all nodes is a chain parameter in genesis, never an option here.
 */
export const configSchema = Type.Object({
  version: Type.Literal(1, { description: 'format of this file' }),
  node: Type.Integer({ minimum: 1, maximum: 0xffffffff, description: 'this node\'s id in genesis; never reused' }),
  genesis: Type.String({ minLength: 1, description: 'path of the genesis file, relative to this file' }),
  dataDir: Type.String({ minLength: 1, description: 'folder of ledger, state and vault, relative to this file; one process at a time' }),
  keystore: Type.String({ minLength: 1, description: 'encrypted node keys (transport and attestation), mode 0600' }),
  passphraseFile: Type.Optional(Type.String({ minLength: 1, description: 'file whose first line opens the keystore; else the variable STELE_PASSPHRASE, else a prompt' })),
  p2p: Type.Object({
    listen: Type.Array(Type.String({ pattern: '^/' }), { minItems: 1, maxItems: 8, default: ['/ip4/127.0.0.1/tcp/9000'], description: 'multiaddresses to listen on; genesis says where others dial' }),
    routes: Type.Array(Type.String({ pattern: '^[1-9][0-9]{0,9}=/' }), { maxItems: 256, default: [], description: '`NODE=MULTIADDRESS`: dials that node there instead of where the ledger says (through a tunnel, say); its key is checked all the same. A wrong one leaves it unreachable from here unless it dials itself' }),
    peers: Type.Optional(Type.String({ minLength: 1, description: 'file of the nodes to connect to while the ledger held here does not name this node yet (`stele member peers` writes it)' })),
  }, { ...closed, default: {} }),
  rpc: Type.Object({
    host: Type.String({ default: '127.0.0.1', description: 'address of the RPC listener; anything but loopback needs allowInsecure behind a TLS proxy' }),
    port: port('RPC port; 0 takes any free one', 8545),
    allowInsecure: Type.Boolean({ default: false, description: 'permit plain HTTP beyond loopback (only behind a proxy that does TLS)' }),
    specificationExamples: Type.Boolean({ default: false, description: 'serve the methods that the examples of the JSON-RPC specification call, to check conformance on a running node' }),
    requestsPerMinute: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'RPC requests per minute and caller (address, and account of signed calls); 1,200,000 on loopback and 60,000 beyond it unless told. Behind a proxy all callers share its address: raise it there, and limit in the proxy. Too small refuses bursts, too large lets one caller crowd out others' })),
    connectionsPerAddress: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_048, description: 'open RPC connections of one address, of 2,048 in all; 2,048 on loopback and 256 beyond it unless told. Too small refuses a proxy, too large lets one caller take all places' })),
  }, { ...closed, default: {} }),
  admin: Type.Object({
    host: Type.String({ default: '127.0.0.1', description: 'address of health and metrics' }),
    port: port('port of /livez, /readyz and /metrics; 0 takes any free one', 8546),
  }, { ...closed, default: {} }),
  consensus: Type.Object({
    tickMs: Type.Integer({ minimum: 10, maximum: 10_000, default: 100, description: 'heartbeat interval in ms; smaller notices a lost leader sooner and costs idle traffic' }),
    electionTicks: Type.Integer({ minimum: 5, maximum: 1000, default: 10, description: 'ticks without a leader before an election (jittered up to twice); too small elects needlessly under load' }),
  }, { ...closed, default: {} }),
  mempool: Type.Object({
    transactionsMax: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 10_000, description: 'waiting transactions; too small refuses bursts, too large delays everyone' }),
    bytesMax: Type.Integer({ minimum: 65_536, maximum: 1_073_741_824, default: 33_554_432, description: 'bytes of waiting transactions' }),
  }, { ...closed, default: {} }),
  verifier: Type.Object({
    threads: Type.Integer({ minimum: 0, maximum: 64, default: 1, description: 'signature verification threads; 0 verifies on the event loop' }),
  }, { ...closed, default: {} }),
  ledger: Type.Object({
    segmentBytes: Type.Integer({ minimum: 2_097_152, maximum: 1_073_741_824, multipleOf: 4096, default: 16_777_216, description: 'bytes of one file of a new ledger; too small makes many files, too large gives room back in large steps when blocks are pruned' }),
  }, { ...closed, default: {} }),
  snapshots: Type.Object({
    joinBehindBlocks: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, default: 500, description: 'a node that a member\'s snapshot is this many blocks ahead of takes it instead of replaying; too small fetches whole states to save little, too large replays long' }),
  }, { ...closed, default: {} }),
  prune: Type.Object({
    keepBlocks: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: 'newest blocks whose bodies and receipts are kept; older ones are deleted once a checked snapshot stands above them. 0 keeps everything; somebody in the consortium should' }),
  }, { ...closed, default: {} }),
  vault: Type.Object({
    bytesMax: Type.Integer({ minimum: 1_048_576, maximum: Number.MAX_SAFE_INTEGER, default: 107_374_182_400, description: 'bytes of ciphertext this node will hold; a full vault refuses, never evicts' }),
  }, { ...closed, default: {} }),
  log: Type.Object({
    level: Type.Enum(['debug', 'info', 'warn', 'error'], { default: 'info', description: 'least severity that is written' }),
  }, { ...closed, default: {} }),
}, closed)
export type Config = Static<typeof configSchema>

const compiled = Compile(configSchema)

/**
 * Reads, completes and checks a configuration file. Paths in the result are absolute; the result is frozen.
 * Throws `CONFIG_UNREADABLE`, `CONFIG_SYNTAX` or `CONFIG_INVALID` naming key, line and rule.
 */
export function loadConfig(path: string): Config {
  return parseConfig(readText(path), path)
}

export function parseConfig(text: string, path: string): Config {
  const config = parseYaml(configSchema, compiled, text, path)
  return deepFreeze(withAbsolutePaths(config, dirname(resolve(path))))
}

/** Text of a configuration file; `CONFIG_UNREADABLE`. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SteleError({ code: 'CONFIG_UNREADABLE', message: 'the configuration file cannot be read', details: { path, reason: errorCode(cause) }, cause })
  }
}

/** What `Compile` gives, as far as it is needed here. */
interface CompiledSchema<T> { Check(value: unknown): value is T; Errors(value: unknown): Iterable<{ readonly instancePath: string; readonly keyword: string; readonly message: string }> }

/** YAML text completed with the schema's defaults and checked against it. Throws `CONFIG_SYNTAX` or `CONFIG_INVALID` naming key, line and rule. */
export function parseYaml<T>(schema: TSchema, check: CompiledSchema<T>, text: string, path: string): T {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [syntax] = document.errors
  if (syntax !== undefined) {
    // The parser's text quotes the file, which may be another one than was meant: a passphrase, say.
    const { line, col } = lines.linePos(syntax.pos[0])
    throw new SteleError({ code: 'CONFIG_SYNTAX', message: 'the configuration file is not YAML', details: { path, line, column: col, reason: syntax.code.toLowerCase().replaceAll('_', ' ') } })
  }
  const config = Value.Default(schema, Value.Clone(document.toJS({ maxAliasCount: 0 }))) as unknown
  if (!check.Check(config)) throw configFault(schema, [...check.Errors(config)][0], document, lines, path)
  return config
}

function configFault(schema: TSchema, first: { readonly instancePath: string; readonly keyword: string; readonly message: string } | undefined, document: Document, lines: LineCounter, path: string): SteleError {
  const keys = (first?.instancePath ?? '').split('/').slice(1)
  // A closed object gives every key it does not know the schema `false`.
  const extra = first?.keyword === 'boolean' ? keys.at(-1) : undefined
  const node: unknown = document.getIn(keys, true)
  const range = typeof node === 'object' && node !== null && 'range' in node ? (node.range as [number, number, number] | null | undefined) : undefined
  const line = range === null || range === undefined ? undefined : lines.linePos(range[0]).line
  const suggestion = extra === undefined ? undefined : nearestWord(extra, knownKeys(schema, keys.slice(0, -1)))
  return new SteleError({
    code: 'CONFIG_INVALID', message: 'the configuration file breaks a rule',
    details: { path, key: keys.join('.') || '(root)', ...(line === undefined ? {} : { line }), rule: extra === undefined ? first?.message ?? 'does not fit' : 'unknown key', ...(suggestion === undefined ? {} : { didYouMean: suggestion }) },
  })
}

function knownKeys(root: TSchema, at: readonly string[]): string[] {
  let schema: { properties?: Record<string, unknown> } = root
  for (const step of at) schema = (schema.properties?.[step] ?? {}) as { properties?: Record<string, unknown> }
  return Object.keys(schema.properties ?? {})
}

function withAbsolutePaths(config: Config, base: string): Config {
  const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(base, path))
  return {
    ...config, genesis: absolute(config.genesis), dataDir: absolute(config.dataDir), keystore: absolute(config.keystore),
    p2p: config.p2p.peers === undefined ? config.p2p : { ...config.p2p, peers: absolute(config.p2p.peers) },
    ...(config.passphraseFile === undefined ? {} : { passphraseFile: absolute(config.passphraseFile) }),
  }
}

export function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}
