// Goal: a recovery knows every certificate that anyone presents, never goes back behind one, and two rival recoveries cannot both proceed (DESIGN §5.11).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { attestationBytes, certificateSchema, verifyCertificate } from '../../primitives/certificate.ts'
import type { Certificate } from '../../primitives/certificate.ts'
import { decode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { fromHex } from '../../primitives/bytes.ts'
import { certificateQuorum } from '../../primitives/member-set.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import { recoveryBytes, verifyRecovery } from '../../primitives/recovery.ts'
import type { RecoveryStatement, SignedRecovery } from '../../primitives/recovery.ts'
import { createSigner } from '../../primitives/signature.ts'
import { loadConfig } from '../../node/config.ts'
import { readKeys } from '../../node/keys.ts'
import { openHolding, openRecovery, proposeRecovery } from '../../node/recovery.ts'
import type { Holding } from '../../node/recovery.ts'
import { exportText, keepPresented, readExports } from '../../node/recovery-import.ts'
import type { Presented } from '../../node/recovery-import.ts'
import { createCluster, lead, until } from '../helpers/cluster.ts'
import type { TestCluster } from '../helpers/cluster.ts'
import { officeOf, settled } from '../helpers/governance.ts'
import { testDirectory } from '../helpers/directory.ts'

const nothing: Presented = { certificates: [], logs: [] }

/** Four nodes of which the fourth was lost first, and the third after it. */
async function lostMajority(t: Test): Promise<TestCluster> {
  const cluster = await createCluster(testDirectory(t), 4)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const leader = await lead(cluster, 0)
  const final = async (): Promise<void> => {
    t.equal(await settled(leader, cluster.enrolment()), 'OK')
    const { height } = leader.parts.executor.tip
    await until(() => cluster.nodes.every((node) => node === undefined || node.parts.finality.finalHeight >= height))
  }
  await final()
  await cluster.stopNode(3)
  await final()
  await Promise.all([0, 1, 2].map((i) => cluster.stopNode(i)))
  return cluster
}

const hold = ({ files }: TestCluster, i: number): Promise<Holding> => openHolding(loadConfig(files.members[i]!.config), files.genesis)
const dataOf = ({ files }: TestCluster, i: number): { readonly dataDir: string } => loadConfig(files.members[i]!.config)

async function signed(cluster: TestCluster, statement: RecoveryStatement, members: readonly number[]): Promise<SignedRecovery> {
  const offices = await Promise.all(members.map((member) => officeOf(cluster, member)))
  return { statement, signatures: offices.map(({ member, governance }) => ({ member, signature: governance.sign(recoveryBytes(cluster.files.chain, statement)) })) }
}

t.test('the survivors of a lost majority', async (t) => {
  const cluster = await lostMajority(t)
  await t.test('what is presented is verified, kept, and binds the statement', (t) => presenting(t, cluster))
  await t.test('two statements given to one node at the same time: one opens, the other is evidence', (t) => rivals(t, cluster))
})

async function presenting(t: Test, cluster: TestCluster): Promise<void> {
  const { chain } = cluster.files
  const [first, fourth] = [await hold(cluster, 0), await hold(cluster, 3)]
  t.teardown(() => Promise.all([first.close(), fourth.close()]))
  const folder = join(dirname(cluster.files.genesisPath), 'presented')
  mkdirSync(folder)
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const own = write('1.json', exportText({ node: 1, last: first.last, certificate: first.certificate }))
  for (const [name, text] of [['a', 'no json'], ['b', '{"format":"stele-recovery-export","version":2}'], ['c', readFileSync(own, 'utf8').replace(/"certificate": "../, '"certificate": "ff')]] as const) {
    t.throws(() => readExports([write(name, text)], first.rules), { code: 'RECOVERY_UNREADABLE', details: { file: join(folder, name) } }, name)
  }
  const lie = { ...first.certificate!, signatures: first.certificate!.signatures.map((each, i) => (i === 0 ? { ...each, signature: new Uint8Array(64) } : each)) }
  t.throws(() => readExports([write('d', exportText({ node: 1, last: first.last, certificate: lie }))], first.rules), { code: /^CERTIFICATE_/, details: { file: join(folder, 'd') } })
  const presented = readExports([own], fourth.rules)

  t.throws(() => proposeRecovery(fourth, [1, 4], presented), { code: 'RECOVERY_BELOW_FINAL' }, 'a certificate above what node 4 holds')
  const logsOnly = { certificates: [], logs: presented.logs }
  t.throws(() => proposeRecovery(fourth, [1, 4], logsOnly), { code: 'RECOVERY_NOT_NEWEST', details: { newer: [{ node: 1 }] } }, 'a newer log, certified or not')
  t.match(proposeRecovery(fourth, [1, 4], logsOnly, true), { height: BigInt(fourth.last.height), lostTo: BigInt(first.last.height) }, 'given up knowingly, and named')
  const other = await forged(cluster, first.certificate!)
  verifyCertificate(chain, first.rules.members, other)
  t.throws(() => proposeRecovery(first, [1, 4], { ...nothing, certificates: [other] }), { code: 'RECOVERY_OTHER_BLOCK' }, 'a quorum certified another block than this node holds')

  const { dataDir } = dataOf(cluster, 0)
  const statement = proposeRecovery(first, [1, 4], presented)
  t.match(statement, { height: BigInt(first.last.height), lostTo: BigInt(first.last.height), set: { epoch: 1, voters: { length: 2 } } })
  const kept = await keepPresented(dataDir, { ...first, certificate: undefined }, presented)
  await keepPresented(dataDir, first, presented)
  const files = readdirSync(kept)
  t.equal(files.length, 1, 'once, however often it is presented')
  const audit = JSON.parse(readFileSync(join(kept, files[0]!), 'utf8')) as { readonly height: number; readonly certificate: string }
  t.same(decode(certificateSchema, fromHex(audit.certificate)), first.certificate)
  t.equal(first.ledger.newestCertificate()?.height, Number(first.certificate!.content.height), 'and it stands in the ledger')
}

async function rivals(t: Test, cluster: TestCluster): Promise<void> {
  const first = await hold(cluster, 0)
  t.teardown(() => first.close())
  const { rules } = first
  const [a, b] = [proposeRecovery(first, [1, 2], nothing), proposeRecovery(first, [1], nothing)]
  const config = dataOf(cluster, 0)
  await t.rejects(openRecovery(config, first, await signed(cluster, a, [1, 2]), nothing), { code: 'RECOVERY_TOO_FEW', details: { needed: 3 } })
  const [forA, forB] = [await signed(cluster, a, [1, 2, 3]), await signed(cluster, b, [2, 3, 4])]
  verifyRecovery(rules.chain, rules.members, forB)
  const outcomes = await Promise.allSettled([openRecovery(config, first, forA, nothing), openRecovery(config, first, forB, nothing)])
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1, 'given at the same time, one opens')
  t.match(outcomes.find(({ status }) => status === 'rejected'), { reason: { code: 'RECOVERY_RIVAL' } })
  t.equal(readdirSync(config.dataDir).filter((name) => name.includes('.rival-')).length, 1, 'the other is kept as evidence')
  t.equal(readdirSync(config.dataDir).filter((name) => name.includes('.new')).length, 0)
}

t.test('whoever signs what: while at most f of n keys sign twice, no two statements both gather their quorum', async (t) => {
  for (let n = 4; n <= 7; n++) {
    const keys = Array.from({ length: n }, (_, i) => createSigner(new Uint8Array(32).fill(i + 1)))
    const before: MemberSet = { epoch: 0, voters: keys.map(({ publicKey }, i) => ({ node: i + 1, member: i + 1, attestationKey: createSigner(new Uint8Array(32).fill(i + 101)).publicKey, governanceKey: publicKey })) }
    const chain = new Uint8Array(32).fill(7)
    const statements = [1, 2].map((count): RecoveryStatement => ({ v: 1, chain, height: 5n, block: new Uint8Array(32).fill(5), lostTo: 5n, set: { epoch: 1, voters: before.voters.slice(0, count) } }))
    const words = statements.map((statement) => keys.map((key, i) => ({ member: i + 1, signature: key.sign(recoveryBytes(chain, statement)) })))
    const passes = (which: number, members: (i: number) => boolean): boolean => {
      try {
        verifyRecovery(chain, before, { statement: statements[which]!, signatures: words[which]!.filter((_, i) => members(i)) })
        return true
      } catch (error) {
        if (errorCode(error) !== 'RECOVERY_TOO_FEW') throw error
        return false
      }
    }
    const f = Math.floor((n - 1) / 3)
    let both = 0
    let either = 0
    // Members below f sign both; the bits say which one each of the others signs.
    for (let bits = 0; bits < 2 ** (n - f); bits++) {
      const chose = (i: number): number => (i < f ? 2 : (bits >> (i - f)) & 1)
      const opened = [0, 1].filter((which) => passes(which, (i) => chose(i) === 2 || chose(i) === which)).length
      if (opened === 2) both++
      if (opened > 0) either++
    }
    t.equal(both, 0, `n = ${n}, f = ${f}, quorum ${certificateQuorum(n)}: never both in ${2 ** (n - f)} cases`)
    t.ok(either > 0, 'and one where enough agree')
  }
})

/** A certificate of another block at the same height, which three members signed twice. */
async function forged({ files }: TestCluster, { content }: Certificate): Promise<Certificate> {
  const other = { ...content, block: new Uint8Array(32).fill(0xee) }
  const signatures = await Promise.all([0, 1, 2].map(async (i) => {
    const { folder, passphraseFile } = files.members[i]!
    const { attestation } = await readKeys(join(folder, 'node.json'), 'node', readFileSync(passphraseFile, 'utf8').trim())
    return { node: i + 1, signature: createSigner(attestation).sign(attestationBytes(files.chain, other)) }
  }))
  return { content: other, signatures }
}
