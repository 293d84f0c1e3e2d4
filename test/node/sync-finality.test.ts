// Goal: a member gives another the certificate of a change of voters also when its own ledger has pruned it. Method: the production server and maker, over a ledger that knows only a later certificate.
import t from 'tap'
import { SnapshotMaker } from '../../node/snapshot-maker.ts'
import { encodeProof } from '../../node/snapshot-proof.ts'
import { SYNC_METHODS, serveBlocks } from '../../node/sync-blocks.ts'
import { decode, encode, struct, u64 } from '../../primitives/codec.ts'
import { finalitySchema } from '../../primitives/receipt.ts'
import type { Finality } from '../../primitives/receipt.ts'

const bytes32 = new Uint8Array(32)
function certificateAt(height: bigint): Finality['certificate'] {
  return { content: { v: 1, epoch: 0, height, term: 1, block: bytes32, stateRoot: bytes32, memberSet: bytes32 }, signatures: [{ node: 1, signature: new Uint8Array(64) }] }
}
const later: Finality = { certificate: certificateAt(20n), descendant: { header: new Uint8Array(1), path: [] } }

function server(stored: Finality | undefined, finalityOfChange?: (height: number) => Promise<Finality | undefined>): (height: bigint) => Promise<Finality | undefined> {
  const handlers = new Map<string, (from: number, body: Uint8Array) => Promise<Uint8Array>>()
  const sync = { handle: (method: string, handler: (from: number, body: Uint8Array) => Promise<Uint8Array>) => { handlers.set(method, handler) } }
  serveBlocks({ sync, store: { finality: () => stored }, ...(finalityOfChange === undefined ? {} : { finalityOfChange }) } as unknown as Parameters<typeof serveBlocks>[0])
  return async (height) => {
    const answer = await handlers.get(SYNC_METHODS.finality)!(2, encode(struct({ height: u64 }), { height }))
    return answer.length === 0 ? undefined : decode(finalitySchema, answer)
  }
}

/** A maker whose newest snapshot, at height 20, proves a change at height 5. */
async function maker(t: { error(error: unknown): unknown }): Promise<SnapshotMaker> {
  const set = { epoch: 0, voters: [{ node: 1, member: 1, attestationKey: bytes32, governanceKey: new Uint8Array(32).fill(1) }] }
  const proof = encodeProof({ finality: { certificate: certificateAt(20n), descendant: null }, links: [{ kind: 'change', value: { header: new Uint8Array(1), certificate: certificateAt(5n), set } }] })
  const folder = { sweep: async () => {}, heights: async () => [20], proof: async () => proof }
  const made = new SnapshotMaker({ folder, store: { floor: 10 }, onFailure: (error: unknown) => { t.error(error) } } as unknown as ConstructorParameters<typeof SnapshotMaker>[0])
  await made.start()
  return made
}

t.test('what is certified nowhere is answered with nothing', async (t) => {
  t.equal(await server(undefined)(5n), undefined)
  t.equal(await server(undefined, (height) => Promise.resolve(height === 6 ? later : undefined))(5n), undefined)
})

t.test('the certificate of the very block comes from the ledger, and the snapshots are not asked', async (t) => {
  const own: Finality = { certificate: certificateAt(5n), descendant: null }
  t.same(await server(own, () => { throw new Error('asked') })(5n), own)
})

t.test('a change whose certificate is pruned is served from what the newest snapshot proves; any other height as the ledger has it', async (t) => {
  const made = await maker(t)
  const ask = server(later, (height) => made.finalityOfChange(height))
  t.same(await ask(5n), { certificate: certificateAt(5n), descendant: null })
  t.same(await ask(6n), later)
})
