// Goal: what docs/byzantine.md says about n = 3, 4, 5 and 7: how many liars it takes before two certificates for one height can exist, and how many silent ones stop finality.
// Method: real attestations; every split of the honest into those who were told block X and those who were told block Y, the liars sign both; each side gathers with the real code.
import t from 'tap'
import { attestationBytes, attestationSchema, type AttestationContent } from '../../primitives/certificate.ts'
import { encode } from '../../primitives/codec.ts'
import { certificateQuorum, commitQuorum, faultyMax, memberSetHash, type MemberSet } from '../../primitives/member-set.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { createSigner, verify } from '../../primitives/signature.ts'
import { Finality } from '../../consensus/finality.ts'

const chain = new Uint8Array(32).fill(1)
const signers = Array.from({ length: 7 }, (_, i) => createSigner(new Uint8Array(32).fill(i + 1)))

/** Whether a member that committed `block` sees it certified by `signing` (nodes); and whether it hears that another is. */
async function outcome(n: number, block: number, signing: readonly number[], others: readonly number[]): Promise<{ readonly final: boolean; readonly told: boolean; readonly accused: number }> {
  const members: MemberSet = { epoch: 0, voters: signers.slice(0, n).map(({ publicKey }, i) => ({ node: i + 1, member: i + 1, attestationKey: publicKey, governanceKey: new Uint8Array(32).fill(i) })) }
  const content = (of: number): AttestationContent => ({ v: 1, epoch: 0, height: 1n, term: 1, block: new Uint8Array(32).fill(of), stateRoot: new Uint8Array(32).fill(of), memberSet: memberSetHash(chain, members) })
  const attest = (node: number, of: number): Uint8Array => encode(attestationSchema, { content: content(of), node, signature: signers[node - 1]!.sign(attestationBytes(chain, content(of))) })
  let [told, accused] = [false, 0]
  const finality = new Finality({ chain, sets: { membersAt: () => members, isSetOf: () => true, changeHeights: [] }, node: signing[0]!, signer: signers[signing[0]! - 1]!, attestedFloor: 1, lastAttested: undefined, newestCertificate: undefined, restMs: 0 }, {
    persistAttestation: async () => undefined, broadcast: () => undefined, verifyBatch: async (items) => items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature)),
    onCertificate: () => undefined, onEvidence: () => { accused++ }, onForeignCertificate: () => { told = true }, onFailure: (error) => { throw error }, logger: silentLogger,
  })
  finality.committed(content(block))
  for (const node of signing) await finality.receive(attest(node, block))
  const final = finality.finalHeight === 1
  for (const node of others) await finality.receive(attest(node, 3 - block))
  return { final, told, accused }
}

for (const [n, needed, silent] of [[3, 1, 1], [4, 2, 1], [5, 3, 1], [7, 3, 2]] as const) {
  t.test(`n = ${n}: fewer than ${needed} liars certify no second history, ${needed} can; ${silent} silent ones do not stop finality`, async (t) => {
    const quorum = certificateQuorum(n)
    t.ok(faultyMax(n) < needed)
    t.equal(n - quorum, silent)
    let both = 0
    for (let liars = 0; liars <= needed; liars++) {
      for (let toldX = 1; toldX < n - liars; toldX++) {
        const lying = Array.from({ length: liars }, (_, i) => n - i)
        const x = [...Array.from({ length: toldX }, (_, i) => i + 1), ...lying]
        const y = [...Array.from({ length: n - liars - toldX }, (_, i) => toldX + i + 1), ...lying]
        const [one, other] = [await outcome(n, 1, x, y), await outcome(n, 2, y, x)]
        t.equal(one.final, x.length >= quorum)
        if (one.final && other.final) both++
        if (liars < needed && one.final && other.final) t.fail(`${liars} liars certify two histories, ${toldX} told X`)
        if (liars > 0) t.equal(one.accused, liars, 'whoever signed both is accused by both signatures')
        // Whoever was told the losing block hears that the other one is certified.
        if (other.final && !one.final) t.ok(one.told)
      }
    }
    t.ok(both > 0, `${needed} liars can certify two histories: the bound is exact`)
    t.ok(quorum >= commitQuorum(n) && n - quorum < commitQuorum(n), 'what is certified is committed')
  })
}
