import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Genesis } from '../../primitives/genesis.ts'
import { readStoredChain } from '../helpers/offline.ts'
import type { Sender } from './sender.ts'

const LAUNCHER = resolve(import.meta.dirname, '../../node/stele')

export interface LedgerFindings { readonly height: number; readonly transactions: number; readonly root: string; readonly violations: readonly string[] }

/** Compares what all stopped nodes have on disk with each other and with what clients were told. */
export async function compareLedgers(dataFolders: readonly string[], genesis: Genesis, { acknowledged, expired, sent }: Pick<Sender, 'acknowledged' | 'expired' | 'sent'>): Promise<LedgerFindings> {
  const violations: string[] = []
  const chains = await Promise.all(dataFolders.map((folder) => readStoredChain(folder, genesis)))
  const first = chains[0]!
  const places = first.blocks.flatMap(({ transactions }) => transactions)
  const applied = new Set(places)
  const some = (what: string, ids: readonly string[]): void => { if (ids.length > 0) violations.push(`${ids.length} ${what}, the first is ${ids[0]}`) }
  if (applied.size !== places.length) violations.push(`${places.length - applied.size} transactions stand in the chain twice`)
  some('acknowledged transactions are not in the chain', [...acknowledged].filter((id) => !applied.has(id)))
  some('transactions were called expired and stand in the chain', [...expired].filter((id) => applied.has(id)))
  some('transactions in the chain were sent by nobody', places.filter((id) => !sent.has(id)))
  for (const [i, chain] of chains.entries()) {
    const node = `node ${i + 1}`
    if (chain.height !== first.height) violations.push(`${node} stands at height ${chain.height}, node 1 at ${first.height}`)
    const differs = chain.blocks.findIndex(({ hash, stateRoot }, height) => hash !== first.blocks[height]?.hash || stateRoot !== first.blocks[height]?.stateRoot)
    if (differs !== -1) violations.push(`${node} has another block at height ${differs + 1} than node 1`)
    if (chain.root !== chain.blocks.at(-1)?.stateRoot) violations.push(`${node}'s state has another root than its newest header names`)
    if (existsSync(join(dataFolders[i]!, 'evidence.ndjson'))) violations.push(`${node} keeps evidence that a member signed two things`)
  }
  return { height: first.height, transactions: applied.size, root: first.root, violations }
}

/** Runs `stele verify` on a data folder: every byte, hash, signature and execution again. Resolves with what it found wrong. */
export async function verifyFolder(folder: string, genesisPath: string): Promise<string[]> {
  const child = spawn(LAUNCHER, ['verify', '--data', folder, '--genesis', genesisPath], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
  const code = await new Promise<number | null>((done) => child.once('close', done))
  return code === 0 ? [] : [`stele verify ended with ${code}: ${output.trim().split('\n').slice(-5).join(' | ')}`]
}
