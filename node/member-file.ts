import { readFileSync, writeFileSync } from 'node:fs'
import { fromJson, toJson } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { chainIdOf, checkGenesis, DEFAULT_PARAMETERS, genesisSchema } from '../primitives/genesis.ts'
import type { Genesis, GenesisMember } from '../primitives/genesis.ts'

const FORMAT = 'stele-member'
const FILE_BYTES_MAX = 64 * 1024

/** The public descriptor of an institution, which it hands to whoever composes genesis: public keys, the certified node, its addresses. Nothing secret. */
export function memberFileText(member: GenesisMember): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, member: memberJson(member) }, null, 2)}\n`
}

export function writeMemberFile(path: string, member: GenesisMember): void {
  writeFileSync(path, memberFileText(member), { flag: 'wx', mode: 0o644 })
}

/** A genesis around this one member: the codec speaks of whole genesis files. */
function around(members: readonly GenesisMember[], network = 'x'): Genesis {
  return { v: 1, network, kind: 'production', timeMs: 0n, parameters: DEFAULT_PARAMETERS, members: [...members] }
}

function memberJson(member: GenesisMember): unknown {
  return (toJson(genesisSchema, around([member])) as { members: unknown[] }).members[0]
}

/** Reads one descriptor strictly. `MEMBER_FILE_INVALID` names file, path and rule; whether the members fit together is for `composeGenesis`. */
export function readMemberFile(path: string): GenesisMember {
  const refuse = (rule: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): SteleError => new SteleError({ code: 'MEMBER_FILE_INVALID', message: 'this is no descriptor of a member; it is the member.json that stele keygen wrote', details: { file: path, rule, ...details }, cause })
  let value: unknown
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > FILE_BYTES_MAX) throw refuse('must be small')
    value = JSON.parse(text)
  } catch (cause) {
    if (cause instanceof SteleError) throw cause
    throw refuse(errorCode(cause) === undefined ? 'must be JSON' : `must be readable (${errorCode(cause)})`, {}, cause)
  }
  const { format, version, member, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as { readonly format?: unknown; readonly version?: unknown; readonly member?: unknown }
  if (format !== FORMAT || version !== 1 || Object.keys(rest).length > 0) throw refuse(`must be a ${FORMAT} of version 1 with no other members`)
  const empty = toJson(genesisSchema, around([])) as Record<string, unknown>
  try {
    return fromJson(genesisSchema, { ...empty, members: [member] } as never).members[0]!
  } catch (cause) {
    if (!(cause instanceof SteleError)) throw cause
    throw refuse(String(cause.details['rule']), { path: String(cause.details['path']).replace(/^members\.?\[?0\]?\.?/, '') }, cause)
  }
}

/**
 * Genesis of the members in the order of their numbers, which must be 1 to n, each once, since every governance key certified its node under that number.
 * Throws `GENESIS_INVALID` naming the rule.
 */
export function composeGenesis(network: string, kind: Genesis['kind'], timeMs: number, members: readonly GenesisMember[]): { readonly genesis: Genesis; readonly chain: Uint8Array } {
  const genesis: Genesis = { ...around([...members].sort((a, b) => a.member - b.member), network), kind, timeMs: BigInt(timeMs) }
  checkGenesis(genesis)
  return { genesis, chain: chainIdOf(genesis) }
}
