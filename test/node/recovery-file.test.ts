import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { SignedRecovery } from '../../primitives/recovery.ts'
import { keepRecovery, mustBeSigner, openedRecovery, readRecoveryFile, readUnsigned, recoveryText } from '../../node/recovery-file.ts'
import { SampleChain } from '../../docs/spec/sample-chain.ts'

const { chain, set, hashes } = new SampleChain([1, 1])
const recovery = (height: number): SignedRecovery => ({ statement: { v: 1, chain, height: BigInt(height), block: hashes[height]!, lostTo: BigInt(height), set: { epoch: 1, voters: set.voters.slice(0, 2) } }, signatures: [] })

t.test('a file that is no statement is refused by name', async (t) => {
  const folder = t.testdir({ a: 'no json', b: '{"format":"stele-recovery","version":2}', c: '{"format":"stele-recovery","version":1,"recovery":{"statement":{}}}' })
  for (const file of ['a', 'b', 'c', 'absent']) t.throws(() => readRecoveryFile(join(folder, file)), { code: 'RECOVERY_UNREADABLE' }, file)
  writeFileSync(join(folder, 'recovery-1.json'), 'torn')
  t.throws(() => openedRecovery(folder, 1), { code: 'RECOVERY_UNREADABLE' }, 'a damaged one is not taken for none')
})

t.test('a data folder opens an epoch by one statement; a rival is kept as evidence and opens nothing', async (t) => {
  const folder = t.testdir()
  t.equal(openedRecovery(folder, 1), undefined)
  await keepRecovery(folder, recovery(2))
  await keepRecovery(folder, { ...recovery(2), signatures: [{ member: 1, signature: new Uint8Array(64) }] })
  await t.rejects(keepRecovery(folder, recovery(1)), { code: 'RECOVERY_RIVAL', details: { epoch: 1, known: { height: 2 }, given: { height: 1 } } })
  t.equal(openedRecovery(folder, 1)!.statement.height, 2n)
  t.equal(readdirSync(folder).filter((name) => name.includes('rival')).length, 1)
  t.same(readRecoveryFile(join(folder, 'recovery-1.json')), recovery(2))
  t.equal(recoveryText(recovery(2)).includes('"version": 1'), true)
})

t.test('a key that is not the member\'s signs nothing: its signature would make the statement void', async (t) => {
  const signers = set.voters.map(({ member, governanceKey }) => ({ member, governanceKey }))
  const folder = t.testdir({ with: recoveryText(recovery(2), signers), without: recoveryText(recovery(2)) })
  const read = readUnsigned(join(folder, 'with'))
  t.same(read, { recovery: recovery(2), signers })
  t.same(readRecoveryFile(join(folder, 'with')), recovery(2))
  const [first, second] = signers
  t.throws(() => mustBeSigner(read.signers, second!.member, first!.governanceKey), { code: 'RECOVERY_SIGNATURE_INVALID', message: /another key/, details: { member: second!.member } })
  t.throws(() => mustBeSigner(read.signers, 99, first!.governanceKey), { code: 'RECOVERY_SIGNATURE_INVALID', message: /no voting member/ })
  t.doesNotThrow(() => mustBeSigner(read.signers, first!.member, first!.governanceKey))
  t.doesNotThrow(() => mustBeSigner(readUnsigned(join(folder, 'without')).signers, second!.member, first!.governanceKey), 'a file of an older program does not say')
})
