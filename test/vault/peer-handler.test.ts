import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { createSigner } from '../../primitives/signature.ts'
import { Mailbox } from '../../vault/mailbox.ts'
import { decodeAnswer, encodeRequest } from '../../vault/messages.ts'
import type { VaultRequest } from '../../vault/messages.ts'
import { MAILBOX_DEFAULTS } from '../../vault/options.ts'
import { MEMBER_UPLOADS_MAX, VaultPeerHandler } from '../../vault/peer-handler.ts'
import { StorageReceipts } from '../../vault/storage-receipts.ts'
import { createClock, createStore, makeBlob, random } from './fixtures.ts'
import type { Test } from 'tap'

async function createHandler(t: Test) {
  const directory = t.testdir({})
  const clock = createClock()
  const store = await createStore(`${directory}/vault`, {}, clock)
  const mailbox = new Mailbox({ ...MAILBOX_DEFAULTS, directory: `${directory}/mailbox` }, { clock, logger: silentLogger })
  await mailbox.start()
  t.teardown(async () => { await store.stop(); await mailbox.stop() })
  const receipts = new StorageReceipts({ chain: random.bytes(32) }, { store, signer: createSigner(random.bytes(32)) })
  const handler = new VaultPeerHandler({ store, mailbox, receipts, mayPost: async () => true, logger: silentLogger })
  const ask = async (member: number, request: VaultRequest) => decodeAnswer(await handler.handle({ node: member, member }, encodeRequest(request)))
  return { store, clock, handler, ask }
}
const offerOf = ({ ref, hashes }: ReturnType<typeof makeBlob>): VaultRequest => ({ kind: 'offer', value: { ...ref, hashes } })
const refused = (code: string) => ({ kind: 'refused', value: { code } })

t.test('bytes that are no request throw; every other failure is an answer with its code', async (t) => {
  const { handler, ask } = await createHandler(t)
  for (const bytes of [new Uint8Array(0), random.bytes(50), new Uint8Array(3_000_000)]) await t.rejects(handler.handle({ node: 2, member: 2 }, bytes), { code: 'VAULT_MESSAGE_INVALID' })
  const { ref, hashes, chunks } = makeBlob(0, 100)
  t.same(await ask(2, { kind: 'chunk', value: { blob: ref.blob, index: 0, bytes: chunks[0]! } }), refused('VAULT_NOT_FOUND'))
  t.same(await ask(2, { kind: 'read', value: { blob: ref.blob, index: 0 } }), refused('VAULT_NOT_FOUND'))
  t.same(await ask(2, { kind: 'offer', value: { blob: random.bytes(32), size: ref.size, hashes } }), refused('VAULT_INPUT_INVALID'))
  t.same(await ask(2, { kind: 'receipt', value: { record: random.bytes(32), version: 1, blobs: [ref] } }), refused('VAULT_NOT_FOUND'))
  t.same(await ask(2, { kind: 'collect', value: { request: random.bytes(32), section: 0, kind: 'key' } }), { kind: 'entry', value: null })
  t.same(await ask(2, { kind: 'pack', value: { record: random.bytes(32), version: 1, chunks: [new Uint8Array(5)] } }), refused('VAULT_INPUT_INVALID'), 'shorter than a tag')
})

t.test('one member cannot take every upload; others go on, and room comes back when uploads end', async (t) => {
  const { ask, clock, store } = await createHandler(t)
  const blobs = Array.from({ length: MEMBER_UPLOADS_MAX + 1 }, () => makeBlob(0, 40))
  for (const blob of blobs.slice(0, -1)) t.match(await ask(2, offerOf(blob)), { kind: 'status' })
  const last = blobs.at(-1)!
  t.same(await ask(2, offerOf(last)), refused('VAULT_BUSY'))
  t.match(await ask(2, offerOf(blobs[0]!)), { kind: 'status' }, 'going on with an upload is no new one')
  t.match(await ask(3, offerOf(makeBlob(0, 40))), { kind: 'status' })
  const { ref, chunks } = blobs[0]!
  t.match(await ask(2, { kind: 'chunk', value: { blob: ref.blob, index: 0, bytes: chunks[0]! } }), { kind: 'done' })
  t.match(await ask(2, { kind: 'finish', value: { blob: ref.blob } }), { kind: 'done' })
  t.match(await ask(2, offerOf(last)), { kind: 'status' })
  t.same(await ask(2, offerOf(makeBlob(0, 40))), refused('VAULT_BUSY'))
  clock.advance(48 * 3_600_000)
  await store.expireUploads()
  t.match(await ask(2, offerOf(makeBlob(0, 40))), { kind: 'status' })
})
