import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cleanup } from './cleanup.ts'
import { LoadClient } from './load.ts'
import { sleep } from './measure.ts'

const MEMBERS = 3
const START_MS_MAX = 20_000

/** Version of the etcd on the PATH (Debian's `etcd-server`); undefined when there is none. */
export function etcdVersion(): string | undefined {
  try {
    return /etcd Version: (\S+)/.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))?.[1]
  } catch {
    return undefined // Not installed: the report says so in place of the reference.
  }
}

/** Three members of etcd, each a process, on loopback with their data beside each other and all defaults, fsync on. */
export class EtcdCluster {
  /** Client URLs, the leader's first. */
  #urls: string[] = []
  #members: { readonly child: ChildProcess; readonly exited: Promise<void> }[] = []
  readonly #directory = mkdtempSync(join(tmpdir(), 'etcd-bench-'))

  static async start(cleanup: Cleanup): Promise<EtcdCluster> {
    const cluster = new EtcdCluster()
    cleanup.add(() => cluster.stop())
    await cluster.#start()
    return cluster
  }

  get urls(): readonly string[] { return this.#urls }

  async #start(): Promise<void> {
    const ports = await freePorts(2 * MEMBERS)
    const url = (port: number | undefined): string => `http://127.0.0.1:${port}`
    const initial = Array.from({ length: MEMBERS }, (_, i) => `m${i}=${url(ports[2 * i + 1])}`).join(',')
    for (let i = 0; i < MEMBERS; i++) {
      const [client, peer] = [url(ports[2 * i]), url(ports[2 * i + 1])]
      const log = openSync(join(this.#directory, `m${i}.log`), 'a')
      const child = spawn('etcd', [
        '--name', `m${i}`, '--data-dir', join(this.#directory, `m${i}`), '--listen-client-urls', client, '--advertise-client-urls', client,
        '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', initial, '--initial-cluster-state', 'new',
      ], { stdio: ['ignore', log, log] })
      this.#members.push({ child, exited: new Promise((done) => child.once('exit', () => done()).once('error', () => done())) })
      this.#urls.push(client)
    }
    const leader = await this.#leader()
    this.#urls = [leader, ...this.#urls.filter((each) => each !== leader)]
  }

  async #leader(): Promise<string> {
    for (const deadline = performance.now() + START_MS_MAX; performance.now() < deadline; await sleep(100)) {
      for (const url of this.#urls) {
        const client = new LoadClient(url, 1, '/v3/maintenance/status')
        const text = await client.post('{}').catch(() => '{}') // Not listening yet.
        client.close()
        const { leader, header } = JSON.parse(text) as { leader?: string; header?: { member_id: string } }
        if (leader !== undefined && leader !== '0' && leader === header?.member_id) return url
      }
    }
    throw new Error('etcd elected no leader')
  }

  async stop(): Promise<void> {
    for (const { child } of this.#members) child.kill('SIGTERM')
    await Promise.all(this.#members.map(({ exited }) => exited))
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((done, fail) => {
    const server = createServer().once('error', fail).listen(0, '127.0.0.1', () => done(server))
  })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}
