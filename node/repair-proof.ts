import { blockHashOf } from '../primitives/block.ts'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { commitQuorum } from '../primitives/member-set.ts'
import { verifyFinality } from '../primitives/receipt.ts'
import { verify } from '../primitives/signature.ts'
import type { Entry } from '../state/ledger-record.ts'
import { proposalItem, readBlock } from './block-check.ts'
import type { ChainRules } from './chain-rules.ts'
import type { BlockSource, OfferedEntry, PlacedEntry } from './sync-blocks.ts'

/** An offered entry whose block is whole: transaction root, proposer's signature and hash were computed here. `header`: its header bytes; undefined for a no-op. */
export interface CheckedEntry { readonly entry: Entry; readonly header: Uint8Array | undefined }

const NO_HASH = new Uint8Array(32)

/** Checks that an offered entry is a no-op or a block that hangs together in itself. Throws `REPAIR_COPY_REFUSED`, `BLOCK_INVALID`, CODEC_* or TX_*. */
export function checkOffered({ index, term, kind, data }: OfferedEntry, rules: ChainRules): CheckedEntry {
  if (data.length === 0) return { entry: { index, term, kind, height: 0, data }, header: undefined }
  const read = readBlock(data, rules.chain)
  const { envelope, header } = read
  if (header.term !== term) throw refused(index, 'the header\'s term is its entry\'s')
  const isSigned = rules.keysOf(header.proposer).some((key) => {
    const { publicKey, message, signature } = proposalItem(read, key)
    return verify(publicKey, message, signature)
  })
  if (!isSigned) throw refused(index, 'the proposer signed the header')
  return { entry: { index, term, kind, height: Number(header.height), data, hash: blockHashOf(rules.chain, envelope.header) }, header: envelope.header }
}

/** True when some member proves by a certificate of the chain's voters that this very block is final. */
export async function isFinal({ entry, header }: CheckedEntry, source: BlockSource, rules: ChainRules, signal: AbortSignal): Promise<boolean> {
  if (header === undefined) return false
  for (const node of source.nodes) {
    try {
      const finality = await source.finality(node, entry.height, signal)
      if (finality === undefined) continue
      verifyFinality(rules.chain, rules.membersAt(finality.certificate.content.height), header, finality)
      return true
    } catch (error) {
      // An unreachable member, or a proof that does not hold: the next one is asked.
      if (signal.aborted || !(error instanceof SteleError)) throw error
    }
  }
  return false
}

/**
 * What a majority of all voters says it has committed at `from` to `to`: the common answer as far as it reaches without a gap. This node's own
 * word does not count, so with three voters both others must agree.
 */
export async function agreedPlaces(from: number, to: number, source: BlockSource, rules: ChainRules, signal: AbortSignal): Promise<readonly PlacedEntry[]> {
  const answers = (await Promise.all(source.nodes.map(async (node) => {
    try {
      return await source.placed(node, from, to, signal)
    } catch (error) {
      if (signal.aborted || !(error instanceof SteleError)) throw error
      return [] // A member that does not answer agrees with nobody.
    }
  })))
  const needed = commitQuorum(rules.members.voters.length)
  const agreed: PlacedEntry[] = []
  for (let index = from; index <= to; index++) {
    const here = answers.flatMap((answer) => answer[index - from] ?? [])
    const common = here.find((candidate) => here.filter((other) => samePlace(other, candidate)).length >= needed)
    if (common === undefined) break
    agreed.push(common)
  }
  return agreed
}

export function samePlace(a: PlacedEntry, b: PlacedEntry): boolean {
  return a.index === b.index && a.term === b.term && equalBytes(a.hash, b.hash)
}

export function placeOf({ index, term, hash }: Entry): PlacedEntry {
  return { index, term, hash: hash ?? NO_HASH }
}

export function refused(index: number, rule: string, hash?: Uint8Array): SteleError {
  return new SteleError({ code: 'REPAIR_COPY_REFUSED', message: 'the offered entry cannot be taken', details: { index, rule, ...(hash === undefined ? {} : { hash: toHex(hash) }) } })
}
