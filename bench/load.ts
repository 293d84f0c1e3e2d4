import { Agent, request } from 'node:http'
import { toHex } from '../primitives/bytes.ts'

/** A JSON-RPC caller over kept-alive connections, lean enough not to be what is measured. */
export class LoadClient {
  readonly #agent: Agent
  readonly #url: URL

  constructor(url: string, connections: number) {
    this.#url = new URL('/rpc', url)
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

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
    const answer = JSON.parse(await this.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))) as { result?: T; error?: { message: string; data?: { code: string } } }
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.data?.code ?? ''} ${answer.error.message}`)
    return answer.result as T
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** The body of one HTTP request that submits these transactions as a batch. */
export function batchBody(transactions: readonly Uint8Array[], wait: 'none' | 'committed'): string {
  return JSON.stringify(transactions.map((transaction, id) => ({ jsonrpc: '2.0', id, method: 'tx_send', params: { transaction: toHex(transaction), wait } })))
}

/** Value at quantile q of the numbers, which need no order. */
export function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}
