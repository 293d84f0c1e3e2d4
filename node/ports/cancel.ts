import { fromHex, toHex } from '../../primitives/bytes.ts'
import { bytes, decode, encode, fixedBytes, oneOf, struct } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import type { Caller, RequestVerifier } from '../../rpc/ports.ts'
import type { TxCancellation } from '../../rpc/shapes/transaction.ts'
import type { SteleNode } from '../stele-node.ts'
import type { Head } from './head.ts'
import type { NodeTransactions } from './transactions.ts'

const METHOD = 'cancel'
/** How long the other members are waited for, in ms. */
const ANSWER_MS = 2_000
const questionSchema = struct({ id: fixedBytes(32), auth: bytes({ max: 1024 }) })
const answerSchema = struct({ answer: oneOf('withdrawn', 'absent', 'included', 'committed') })

type Answer = TxCancellation['nodes'][number]['answer']

/**
 * Takes a waiting transaction back on its signer's word: here, and at every voter, which verifies the signed request itself. Nothing on the ledger forbids the transaction; a member that did not answer, or that
 * restarts and is sent the bytes again, may still include it, so the answer names what each member said.
 */
export class NodeCancel {
  readonly #node: SteleNode
  readonly #requests: RequestVerifier
  readonly #transactions: NodeTransactions
  readonly #head: Head

  constructor(node: SteleNode, requests: RequestVerifier, transactions: NodeTransactions, head: Head) {
    this.#node = node
    this.#requests = requests
    this.#transactions = transactions
    this.#head = head
  }

  /** Answers other nodes from now on. */
  start(): void {
    this.#node.parts.network.sync.handle(METHOD, async (_from, body) => {
      const { id, auth } = decode(questionSchema, body, { maxBytes: 2048 })
      const caller = await this.#requests.verify({ method: 'tx_cancel', params: { id: toHex(id) }, auth: toHex(auth) })
      return encode(answerSchema, { answer: await this.#withdraw(toHex(id), caller) })
    })
  }

  async cancel(id: string, auth: string, caller: Caller, signal: AbortSignal): Promise<TxCancellation> {
    const { config, rules, network } = this.#node.parts
    const own = await this.#withdraw(id, caller)
    const nodes: { node: number; answer: Answer }[] = [{ node: config.node, answer: own }]
    if (own !== 'committed') {
      const question = encode(questionSchema, { id: fromHex(id), auth: fromHex(auth) })
      const others = rules.members.voters.filter(({ node }) => node !== config.node)
      nodes.push(...await Promise.all(others.map(async ({ node }) => ({
        node,
        answer: await network.sync.request(node, METHOD, question, { timeoutMs: ANSWER_MS, signal, maxBytes: 64 }).then((bytes): Answer => decode(answerSchema, bytes).answer, (error: unknown): Answer => {
          if (error instanceof SteleError) return 'silent' // Down, cut off, of an older version: whatever it holds, it holds on to.
          throw error
        }),
      }))))
    }
    return { id, outcome: outcomeOf(nodes.map(({ answer }) => answer)), nodes: nodes.sort((a, b) => a.node - b.node), asOf: this.#head.asOf }
  }

  /** Does what this node can do. Throws `RPC_FORBIDDEN` for another account's transaction, `CONSENSUS_BUSY`. */
  async #withdraw(id: string, caller: Caller): Promise<Answer> {
    const { mempool, book, cancellations, clock } = this.#node.parts
    const held = mempool.get(id)
    if (held !== undefined && toHex(held.body.account) !== caller.account) throw new SteleError({ code: 'RPC_FORBIDDEN', message: 'only the account that signed a transaction cancels it' })
    const { status } = await this.#transactions.status(id)
    if (status === 'committed' || status === 'final' || status === 'failed') return 'committed'
    // Should its block be dropped, it does not wait for another.
    cancellations.add(caller.account, id, clock.nowMs())
    if (status === 'included') return 'included'
    if (held === undefined) return 'absent'
    mempool.remove(id)
    book.forget(id)
    return 'withdrawn'
  }
}

function outcomeOf(answers: readonly Answer[]): TxCancellation['outcome'] {
  if (answers.includes('committed') || answers.includes('included')) return 'tooLate'
  if (answers.includes('silent')) return 'partly'
  return answers.includes('withdrawn') ? 'withdrawn' : 'unknown'
}
