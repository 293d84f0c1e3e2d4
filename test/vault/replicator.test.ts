import t from 'tap'
import type { Test } from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { storageReceiptBytes } from '../../primitives/calls/records.ts'
import { verify } from '../../primitives/signature.ts'
import { decodeAnswer, encodeAnswer } from '../../vault/messages.ts'
import { createCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { makeBlob, putAll, random } from './fixtures.ts'

const record = random.bytes(32)
const small = [makeBlob(0, 300), makeBlob(0, 40)]
const large = [makeBlob(3, 100), makeBlob(0, 70)]
const refs = (blobs: typeof small) => blobs.map(({ ref }) => ref)

async function clusterWith(t: Test, count: number, blobs: typeof small): Promise<Cluster> {
  const cluster = await createCluster(t.testdir({}), count)
  t.teardown(() => cluster.stop())
  for (const blob of blobs) await putAll(cluster.vaults[0]!.store, blob)
  return cluster
}

t.test('what the own vault has not whole is not replicated', async (t) => {
  const cluster = await clusterWith(t, 4, [])
  const { replicator, store } = cluster.vaults[0]!
  await t.rejects(replicator.replicate(record, 1, refs(small)), { code: 'VAULT_NOT_FOUND' })
  await store.begin(small[0]!.ref, small[0]!.hashes)
  await t.rejects(replicator.replicate(record, 1, [small[0]!.ref]), { code: 'VAULT_INCOMPLETE' })
  await putAll(store, small[1]!)
  await t.rejects(replicator.replicate(record, 1, [{ ...small[1]!.ref, size: 41n }]), { code: 'VAULT_INPUT_INVALID' })
  t.same(cluster.requests, [], 'nobody was asked')
})

t.test('with too few members there is no success; the members that failed and why are named; the next attempt succeeds', async (t) => {
  const cluster = await clusterWith(t, 4, small)
  cluster.down.add(2).add(3)
  await t.rejects(cluster.vaults[0]!.replicator.replicate(record, 1, refs(small)), {
    code: 'VAULT_TOO_FEW_COPIES', retryable: true, details: { copies: 2, needed: 3, failures: { 2: 'P2P_UNREACHABLE', 3: 'P2P_UNREACHABLE' } },
  })
  cluster.down.clear()
  t.equal((await cluster.vaults[0]!.replicator.replicate(record, 1, refs(small))).length, 3)
})

t.test('a receipt over other bytes, by another key, or an answer of another kind does not count', async (t) => {
  const cluster = await clusterWith(t, 3, small)
  for (const lie of [
    (answer: Uint8Array) => answer.map((byte, i) => (i === answer.length - 1 ? byte ^ 1 : byte)),
    () => encodeAnswer({ kind: 'done', value: { changed: true } }),
    () => Uint8Array.of(1, 2, 3),
  ]) {
    cluster.tamper = (node, request, answer) => (node === 3 && request.kind === 'pack' ? lie(answer) : undefined)
    await t.rejects(cluster.vaults[0]!.replicator.replicate(record, 1, refs(small)), { code: 'VAULT_TOO_FEW_COPIES', details: { failures: { 3: 'VAULT_MESSAGE_INVALID' } } })
  }
})

t.test('a receiver signs nothing before its copy is complete', async (t) => {
  const cluster = await clusterWith(t, 2, large)
  // The pusher skips a chunk and the finish, then asks for the receipt all the same.
  cluster.tamper = (_node, request) => (request.kind === 'offer' ? encodeAnswer({ kind: 'status', value: { complete: true, missing: [] } }) : undefined)
  await t.rejects(cluster.vaults[0]!.replicator.replicate(record, 1, refs(large)), { code: 'VAULT_TOO_FEW_COPIES', details: { failures: { 2: 'VAULT_INCOMPLETE' } } })
})

t.test('three members of four sign, the own node first, each holds the record whole, and the receipts are what the ledger checks', async (t) => {
  for (const blobs of [small, large]) {
    const cluster = await clusterWith(t, 4, blobs)
    t.equal(cluster.vaults[0]!.replicator.needed, 3)
    const receipts = await cluster.vaults[0]!.replicator.replicate(record, 7, refs(blobs))
    t.equal(receipts.length, 3)
    t.equal(receipts[0]!.node, 1)
    t.equal(new Set(receipts.map(({ member }) => member)).size, 3)
    for (const { node, signature } of receipts) {
      t.ok(verify(cluster.attestationKeys[node - 1]!, storageReceiptBytes(cluster.chain, record, 7, refs(blobs)), signature))
      for (const { ref } of blobs) t.same(await cluster.vaults[node - 1]!.store.verify(ref.blob), [])
    }
    const before = cluster.requests.length
    const again = await cluster.vaults[0]!.replicator.replicate(record, 7, refs(blobs))
    t.same(again.map(({ signature }) => toHex(signature)), receipts.map(({ signature }) => toHex(signature)), 'the same receipts again')
    t.notOk(cluster.requests.slice(before).includes('chunk'), 'no chunk travels twice')
    if (blobs === small) t.equal(before, 2, 'a small version takes one message per member')
  }
})

t.test('a cut connection is resumed at the missing chunks', async (t) => {
  const cluster = await clusterWith(t, 2, large)
  let left = 2
  cluster.onRequest = (_node, request) => { if (request.kind === 'chunk' && left-- <= 0) throw new Error('cut') }
  await t.rejects(cluster.vaults[0]!.replicator.replicate(record, 1, refs(large)), { code: 'VAULT_TOO_FEW_COPIES' })
  cluster.onRequest = () => {}
  cluster.requests.length = 0
  t.equal((await cluster.vaults[0]!.replicator.replicate(record, 1, refs(large))).length, 2)
  t.equal(cluster.requests.filter((kind) => kind === 'chunk').length, 3, 'two of five chunks were there')
})

t.test('a member that fails is replaced by another', async (t) => {
  const cluster = await clusterWith(t, 4, small)
  for (const down of [2, 3, 4]) {
    cluster.down.clear()
    cluster.down.add(down)
    const receipts = await cluster.vaults[0]!.replicator.replicate(record, down, refs(small))
    t.same(receipts.map(({ node }) => node), [1, 2, 3, 4].filter((node) => node !== down))
  }
})

t.test('an aborted replication ends with the abort', async (t) => {
  const cluster = await clusterWith(t, 3, small)
  const abort = new AbortController()
  cluster.onRequest = () => { abort.abort(new Error('enough')) }
  cluster.down.add(2).add(3)
  await t.rejects(cluster.vaults[0]!.replicator.replicate(record, 1, refs(small), abort.signal), { message: 'enough' })
})

t.test('a node reads what only others have, every byte proved, and a liar is passed over', async (t) => {
  const cluster = await clusterWith(t, 4, large)
  await cluster.vaults[0]!.replicator.replicate(record, 1, refs(large))
  const outsider = (await Promise.all(cluster.vaults.map(async (vault) => ((await vault.store.has(large[0]!.ref.blob)) ? undefined : vault)))).find((vault) => vault !== undefined)!
  cluster.tamper = (node, request, answer) => {
    if (node !== 1) return undefined
    const { kind, value } = decodeAnswer(answer)
    if (kind === 'chunk') return encodeAnswer({ kind, value: { bytes: value.bytes.map((byte) => byte ^ 1) } })
    return kind === 'hashes' ? encodeAnswer({ kind, value: { ...value, hashes: value.hashes.toReversed() } }) : undefined
  }
  const { ref, hashes } = await outsider.reader.hashes(large[0]!.ref.blob)
  t.same(ref, large[0]!.ref)
  t.same(hashes.map(toHex), large[0]!.hashes.map(toHex))
  for (const [i, chunk] of large[0]!.chunks.entries()) t.ok(Buffer.from(chunk).equals(await outsider.reader.chunk(ref.blob, i)))
  await t.rejects(outsider.reader.chunk(ref.blob, 4), { code: 'VAULT_NOT_FOUND' })
  await t.rejects(outsider.reader.hashes(random.bytes(32)), { code: 'VAULT_NOT_FOUND', details: { failures: { 1: 'VAULT_NOT_FOUND' } } })
})

t.test('how many copies there must be is asked for each record: members change it by vote', async (t) => {
  const cluster = await clusterWith(t, 4, small)
  const { replicator } = cluster.vaults[0]!
  for (const copies of [3, 4, 2]) {
    cluster.copies = copies
    t.equal((await replicator.replicate(record, copies, refs(small))).length, copies)
  }
})
