import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Value } from 'typebox/value'
import { SteleError } from '../primitives/error.ts'

const NAME = 'hold.json'

const holdShape = Type.Object({
  v: Type.Literal(1),
  code: Type.Union([Type.Literal('NODE_DIVERGED'), Type.Literal('BLOCK_CERTIFIED_ELSEWHERE')]),
  /** First block in which this node differs from the cluster. */
  height: Type.Integer({ minimum: 1 }),
  /** The sentence of probes: names height, and transaction and key where they could be found. */
  reason: Type.String({ maxLength: 1024 }),
  sinceMs: Type.Integer({ minimum: 0 }),
})

/** Why a node serves nothing until an operator acts. */
export type Hold = Static<typeof holdShape>

export const holdPath = (dataDir: string): string => join(dataDir, NAME)

/** The hold that stands in a data folder; undefined for none. `HOLD_UNREADABLE`: one that cannot be read holds as well. */
export function readHold(dataDir: string): Hold | undefined {
  const path = holdPath(dataDir)
  if (!existsSync(path)) return undefined
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new SteleError({ code: 'HOLD_UNREADABLE', message: 'the note why this node is held cannot be read', details: { path }, cause })
  }
  if (!Value.Check(holdShape, content)) throw new SteleError({ code: 'HOLD_UNREADABLE', message: 'the note why this node is held cannot be read', details: { path } })
  return content
}

/** Durable when it returns: whatever ends the process afterwards, the next start finds it. The first hold stays, for it names the first difference. */
export function writeHold(dataDir: string, hold: Hold): void {
  const path = holdPath(dataDir)
  if (existsSync(path)) return
  const file = openSync(`${path}.new`, 'w', 0o600)
  writeSync(file, `${JSON.stringify(hold)}\n`)
  fsyncSync(file)
  closeSync(file)
  rename(`${path}.new`, path, dataDir)
}

/**
 * Ends a hold: the next start executes anew what this node refused. The note stays beside as `hold-HEIGHT.json`. `HOLD_NONE`; `HOLD_FORKED` when the node has committed another block than the cluster
 * certified, which no start makes undone.
 */
export function releaseHold(dataDir: string): Hold {
  const hold = readHold(dataDir)
  if (hold === undefined) throw new SteleError({ code: 'HOLD_NONE', message: 'this node is not held', details: { dataDir } })
  if (hold.code === 'NODE_DIVERGED') throw new SteleError({ code: 'HOLD_FORKED', message: 'the ledger of this node is a fork; it cannot go on', details: { height: hold.height, reason: hold.reason } })
  rename(holdPath(dataDir), join(dataDir, `hold-${hold.height}.json`), dataDir)
  return hold
}

function rename(from: string, to: string, folder: string): void {
  renameSync(from, to)
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}
