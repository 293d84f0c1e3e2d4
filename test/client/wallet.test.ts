import { hkdfSync } from 'node:crypto'
import t from 'tap'
import { createWallet } from '../../client/wallet.ts'
import { exportBackup, exportWallet, importWallet } from '../../client/wallet-file.ts'
import { equalBytes, toHex } from '../../primitives/bytes.ts'
import { verify } from '../../primitives/signature.ts'
import { seed } from './fake-node.ts'

const chain = seed(9)

t.test('a wallet file that is wrong anywhere is refused by the name of the member', async (t) => {
  const good = exportWallet(createWallet({ seed: seed(1), chain }))
  const relation = { index: 0, member: 1, tagKey: '00'.repeat(32) }
  for (const [json, field] of [
    [null, '(root)'], [[], '(root)'], [{ ...good, v: 2 }, 'v'], [{ ...good, extra: 1 }, 'extra'], [{ ...good, seed: 'AB'.repeat(32) }, 'seed'], [{ ...good, seed: '00' }, 'seed'],
    [{ ...good, chain: undefined }, 'chain'], [{ ...good, relations: {} }, 'relations'], [{ ...good, relations: [{ ...relation, index: 1 }] }, 'relations[0].index'],
    [{ ...good, relations: [{ ...relation, member: 0 }] }, 'relations[0].member'], [{ ...good, relations: [{ ...relation, account: 'xx' }] }, 'relations[0].account'],
    [{ ...good, relations: [{ ...relation, meanings: [{ kind: 'name', system: 's', value: 'v' }] }] }, 'relations[0].meanings[0].kind'],
    [{ ...good, relations: [{ ...relation, note: 'x' }] }, 'relations[0].note'],
  ] as const) t.throws(() => importWallet(json), { code: 'CLIENT_WALLET_INVALID', details: { field } }, field)
  t.throws(() => createWallet({ seed: new Uint8Array(31), chain }), { code: 'CLIENT_WALLET_INVALID', details: { field: 'seed' } })
})

t.test('no two relations, chains or seeds share a key, and the same ones always give the same', async (t) => {
  const keys = new Set<string>()
  for (const seedByte of [1, 2]) for (const chainByte of [8, 9]) for (const index of [0, 1, 2, 256]) {
    const { signer, sealKeys } = createWallet({ seed: seed(seedByte), chain: seed(chainByte) }).keys(index)
    keys.add(toHex(signer.publicKey)).add(toHex(sealKeys.publicKey)).add(toHex(sealKeys.secretKey))
  }
  t.equal(keys.size, 2 * 2 * 4 * 3)
  t.same(createWallet({ seed: seed(1), chain }).keys(7), createWallet({ seed: seed(1), chain }).keys(7), 'functions aside, equal')
  const { signer } = createWallet({ seed: seed(1), chain }).keys(0)
  t.ok(verify(signer.publicKey, seed(3), signer.sign(seed(3))))
})

t.test('a derived key is a published vector, so that other implementations can be compared', async (t) => {
  const { signer, sealKeys } = createWallet({ seed: seed(1), chain: seed(2) }).keys(0)
  t.same({ sign: toHex(signer.publicKey), seal: toHex(sealKeys.publicKey) }, VECTOR)
  const derived = hkdfSync('sha256', seed(1), seed(2), Buffer.concat([Buffer.from('stele/wallet/v1/seal'), Buffer.alloc(4)]), 32)
  t.same(sealKeys.secretKey, new Uint8Array(derived), 'RFC 5869 as another library computes it')
})
const VECTOR = { sign: '5b74018e5993a4ba8fd0ba4aa58f9e3acb624953a5ce4079515888418385ebfc', seal: '719c6b03a00aaf0aebe9129ec1204686b032ad97965f5f788d46609ab7df0b49' }

t.test('tag keys are random: two wallets of one seed give different tags for one meaning', async (t) => {
  const meaning = { kind: 'type', system: 'http://hl7.org/fhir/resource-types', value: 'Observation' } as const
  const [a, b] = [createWallet({ seed: seed(1), chain }), createWallet({ seed: seed(1), chain })]
  a.addRelation(1)
  b.addRelation(1)
  t.notOk(equalBytes(a.tags(0).add(meaning), b.tags(0).add(meaning)))
  t.same(a.tags(0).meaningOf(a.tags(0).add(meaning)), meaning)
})

t.test('the working file restores everything; the backup leaves out tag keys and still signs', async (t) => {
  const wallet = createWallet({ seed: seed(1), chain })
  wallet.addRelation(3)
  wallet.setAccount(0, seed(77))
  const tag = wallet.tags(0).add({ kind: 'code', system: 'http://loinc.org', value: '718-7' })
  const restored = importWallet(JSON.parse(JSON.stringify(exportWallet(wallet))))
  t.same(restored.tags(0).meaningOf(tag), { kind: 'code', system: 'http://loinc.org', value: '718-7' })
  t.same(restored.account(0).id, seed(77))
  const backup = JSON.stringify(exportBackup(wallet))
  t.notMatch(backup, /tagKey|718-7/)
  const fromBackup = importWallet(JSON.parse(backup))
  t.same(fromBackup.account(0).signer.publicKey, wallet.account(0).signer.publicKey)
  t.throws(() => fromBackup.tags(0), { code: 'CLIENT_WALLET_INVALID', details: { field: 'relations[0].tagKey' } })
})

t.test('erasing a tag key forgets what the tags meant, for good', async (t) => {
  const wallet = createWallet({ seed: seed(1), chain })
  const { tagKey } = wallet.addRelation(3)
  wallet.tags(0).add({ kind: 'type', system: 's', value: 'Condition' })
  wallet.eraseTagKey(0)
  t.same(tagKey, seed(0), 'the bytes are overwritten')
  t.throws(() => wallet.tags(0), { code: 'CLIENT_WALLET_INVALID' })
  t.notMatch(JSON.stringify(exportWallet(wallet)), /Condition|tagKey/)
  t.throws(() => wallet.account(0), { code: 'CLIENT_WALLET_INVALID', details: { rule: 'is not enrolled yet' } })
  t.throws(() => wallet.account(5), { code: 'CLIENT_WALLET_INVALID', details: { field: 'relations[5]' } })
})
