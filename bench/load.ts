import { Agent, request } from 'node:http'
import { toHex } from '../primitives/bytes.ts'

/** What a node answered to one call. */
export interface Answer { readonly result?: unknown; readonly error?: { readonly message: string; readonly data?: { readonly code?: string } } }

/** A JSON-RPC caller over kept-alive connections, lean enough not to be what is measured. */
export class LoadClient {
  readonly #agent: Agent
  readonly #url: URL

  /** `url` of the server, and the path to which everything is posted. */
  constructor(url: string, connections: number, path = '/rpc') {
    this.#url = new URL(path, url)
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** Answers with the body, whatever the status. */
  post(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request(this.#url, { method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => resolve(text)).on('error', reject)
      })
      call.on('error', reject)
      call.end(body)
    })
  }

  async call<T>(method: string, params: object): Promise<T> {
    const { result, error } = JSON.parse(await this.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))) as Answer
    if (error !== undefined) throw new Error(`${method}: ${error.data?.code ?? ''} ${error.message}`)
    return result as T
  }

  close(): void {
    this.#agent.destroy()
  }
}

export type Wait = 'none' | 'committed' | 'final'
const sendCall = (transaction: Uint8Array, id: number, wait: Wait): object => ({ jsonrpc: '2.0', id, method: 'tx_send', params: { transaction: toHex(transaction), wait } })

/** The body of one HTTP request that submits these transactions: a batch, or a lone call when there is one. */
export function sendBody(transactions: readonly Uint8Array[], wait: Wait): string {
  return JSON.stringify(transactions.length === 1 ? sendCall(transactions[0]!, 0, wait) : transactions.map((transaction, id) => sendCall(transaction, id, wait)))
}
