import { readFileSync, writeFileSync } from 'node:fs'
import { fromJson, toJson } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import { chainIdOf, checkGenesis, genesisMemberSet, genesisSchema } from '../primitives/genesis.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { ChainRules } from './chain-rules.ts'

/** Reads and checks a genesis file. Throws `GENESIS_UNREADABLE`, or `GENESIS_INVALID` naming the file, the path in it and the rule. */
export function readGenesis(path: string): Genesis {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new SteleError({ code: 'GENESIS_UNREADABLE', message: 'the genesis file cannot be read as JSON', details: { path, reason: errorCode(cause) ?? 'not JSON' }, cause })
  }
  try {
    const genesis = fromJson(genesisSchema, json)
    checkGenesis(genesis)
    return genesis
  } catch (error) {
    if (error instanceof SteleError) throw new SteleError({ code: 'GENESIS_INVALID', message: error.code === 'GENESIS_INVALID' ? error.message : 'this is no genesis file, or one of another format', details: { file: path, ...error.details }, cause: error })
    throw error
  }
}

export function writeGenesis(path: string, genesis: Genesis): void {
  writeFileSync(path, `${JSON.stringify(toJson(genesisSchema, genesis), null, 2)}\n`, { flag: 'wx', mode: 0o644 })
}

/** The rules of a chain as genesis fixes them; the state moves them on. */
export function headerRules(genesis: Genesis): ChainRules {
  return new ChainRules(chainIdOf(genesis), genesisMemberSet(genesis), genesis.parameters)
}
