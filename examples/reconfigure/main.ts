import { mkdtemp, rm } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { verifyReceipt } from '../../client/index.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { readKeys } from '../../node/keys.ts'
import { toHex } from '../../primitives/bytes.ts'
import { errorCode } from '../../primitives/error.ts'
import { run } from './cli.ts'
import { clientOf, enrol, Load } from './load.ts'
import { Town } from './town.ts'

/**
 * Grows a network of real processes from three nodes to five and shrinks it to four, rotates keys of a node and of a member, replaces a dead node and one that was put back from a
 * copy, and recovers from a lost majority, all under load; nothing confirmed is lost, and receipts from every stage still verify offline. Exit code 1 when anything of it does not hold.
 */
interface Stamp { readonly after: string; readonly id: string; readonly bundle: string }

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, 'hex')
const say = (text: string): void => { process.stdout.write(`${text}\n`) }
const mustBe = (holds: boolean, claim: string): void => {
  if (!holds) throw new Error(`does not hold: ${claim}`)
  say(`   ok  ${claim}`)
}

const directory = await mkdtemp(join(tmpdir(), 'stele-reconfigure-'))
const town = new Town(directory)
let load: Load | undefined
try {
  say('1  three institutions')
  await town.start(3)
  const genesis = readGenesis(town.genesis)
  const passphrase = readFileSync(join(town.post(1).folder, 'passphrase'), 'utf8').trim()
  const operator = await readKeys(join(town.post(1).folder, 'operator.json'), 'operator', passphrase)
  const client = (): ReturnType<typeof clientOf> => clientOf(genesis, 1, operator, town.urls)
  const stamps: Stamp[] = []
  /** A final write and its receipt, to be judged once more when everything has changed. */
  const stamp = async (after: string): Promise<void> => {
    const id = toHex((await enrol(client(), 'final')).id)
    stamps.push({ after, id, bundle: String((await run('tx', 'receipt', id, '--rpc', town.urls[0]!))['bundle']) })
  }
  await stamp('the start')
  load = new Load(client())

  say('2  two more join by vote: 3 → 5')
  await town.join(4, 4, [1, 2])
  mustBe(String(await town.settled()) === '1,2,3,4', 'node 4 caught up as a learner and votes')
  load.use(client())
  await town.join(5, 5, [1, 2, 4])
  mustBe(String(await town.settled()) === '1,2,3,4,5', 'node 5 caught up and votes; the fourth member\'s vote counted')
  load.use(client())
  await stamp('growing to five')

  say('3  one leaves: 5 → 4')
  const removing = run('member', 'remove', '--member', '2', '--config', town.post(1).custodian, '--governance', town.post(1).governance)
  const open = await waitOpen(town)
  await town.vote(open, [3, 4, 5])
  mustBe((await removing)['stoppable'] === true, 'the command waited until the node may be stopped')
  await town.retire(2)
  load.use(client())
  mustBe(String(await town.settled()) === '1,3,4,5', 'four voters are left')
  await stamp('one has left')

  say('4  keys are rotated')
  mustBe(await town.rotateNode(4, [1, 3, 5]), 'node 4 heard that its old keys are over, and ended')
  mustBe((await enrol(client(), 'final')).height > 0, 'the chain goes on with new keys of node 4')
  await town.rotateMember(5, [1, 3, 4])
  await town.settled()
  load.use(client())
  await stamp('rotating keys')

  say('5  a node dies and is replaced')
  await town.kill(3)
  load.use(client())
  await town.replace(3, 6, [1, 4, 5])
  mustBe(String(await town.settled()) === '1,4,5,6', 'node 6 took the place of node 3')
  load.use(client())
  await stamp('replacing a dead node')

  say('6  a node is put back from a copy')
  const refused = await town.runOnCopy(5, () => enrol(client(), 'final'))
  mustBe(refused.length > 0, `nobody takes its word any more: ${refused}`)
  await stamp('a node without a vote')
  await town.kill(5)
  load.use(client())
  await town.replace(5, 7, [1, 3, 4])
  mustBe(String(await town.settled()) === '1,4,6,7', 'node 7 took the place of node 5')
  load.use(client())
  await stamp('replacing it')
  const failedBefore = load.failures.length
  mustBe(load.confirmed.length > 20, `${load.confirmed.length} writes were confirmed under load so far, ${failedBefore} attempts failed${failedBefore === 0 ? '' : ` (${[...new Set(load.failures)].join(', ')})`}`)
  mustBe(verifyReceipt(bytesOf(stamps[0]!.bundle), { genesis }).code === 'OK', 'the receipt from before any change verifies against genesis alone')
  const proof = join(directory, 'proof.json')
  await run('proof', '--transaction', stamps.at(-1)!.id, '--out', proof, '--rpc', town.urls[0]!, '--genesis', town.genesis)
  await run('verify', 'proof', proof, '--genesis', town.genesis)
  say('   ok  a proof of the newest write verifies offline through every change of members')

  say('7  a majority is lost for good')
  await town.kill(4)
  await town.kill(3)
  const stuck = await enrol(client(), 'committed', 5_000).then(() => 'committed', (error: unknown) => errorCode(error) ?? String(error))
  mustBe(stuck !== 'committed', `two of four nodes write nothing (${stuck})`)
  const read = await client().call('tx_status', { id: stamps[0]!.id })
  mustBe(read.final && read.asOf.stale === true, 'and still answer reads, marked as stale')
  const { height, rival } = await town.recover([1, 5], [1, 4, 5])
  mustBe(rival.includes('RECOVERY_SIGNED_BEFORE'), 'no governance key signs a second statement of one epoch')
  const anew = await enrol(client(), 'final')
  mustBe(anew.height > height, `the two survivors go on in a new epoch above block ${height}, and their blocks are final`)
  load.use(client())
  const confirmedBefore = load.confirmed.length
  await stamp('the recovery')
  await run('proof', '--transaction', toHex(anew.id), '--out', join(directory, 'recovered.json'), '--rpc', town.urls[0]!, '--genesis', town.genesis)
  await run('verify', 'proof', join(directory, 'recovered.json'), '--genesis', town.genesis)
  say('   ok  a proof of the newest write verifies offline through the recovery')
  await run('verify', 'proof', proof, '--genesis', town.genesis)
  const history = readFileSync(join(directory, 'recovered.json'), 'utf8')
  for (const { after, bundle } of stamps) {
    const report = verifyReceipt(bytesOf(bundle), { genesis, history })
    mustBe(report.code === 'OK' && report.superseded !== true, `the receipt from after ${after} verifies as it did, by the history through all that came later`)
  }
  await load.stop()
  const { confirmed, failures } = load
  load = undefined
  mustBe(confirmed.length > confirmedBefore, `the load went on after the recovery: ${confirmed.length} writes were confirmed in all, ${failures.length - failedBefore} attempts failed while the majority was gone`)
  await enrol(client(), 'final')
  for (const url of town.urls) {
    const survivor = clientOf(genesis, 1, operator, [url])
    let lost = 0
    for (const { id } of confirmed) if (!['committed', 'final'].includes((await survivor.call('tx_status', { id: toHex(id) })).status)) lost++
    mustBe(lost === 0, `none of them is lost on the node at ${url}`)
  }
  await town.retire(5)
  await run('verify', '--data', join(dirname(town.post(5).config), 'data'), '--genesis', town.genesis)
  say('   ok  the whole ledger of a survivor verifies from genesis, every change and the recovery included')
  say('done')
} finally {
  await load?.stop()
  await town.stop()
  if (process.env['STELE_KEEP'] === undefined) await rm(directory, { recursive: true, force: true })
  else say(`kept ${directory}`)
}

async function waitOpen(of: Town): Promise<string> {
  for (;;) {
    const { open } = await of.membership()
    if (typeof open === 'string') return open
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
