/** Goal: the image has what the node needs and nothing secret. Method: read Dockerfile and compose file, since no container engine runs where tests do. */
import { readFile, readdir } from 'node:fs/promises'
import t from 'tap'
import { ROOT, readSources } from '../../docs/generate/sources.ts'
import { configSchema } from '../../node/config.ts'

const text = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8')
const dockerfile = await text('Dockerfile')

t.test('every folder that the node reaches by imports is copied, and the builder may see it', async (t) => {
  const sources = await readSources()
  const reached = new Set(['node'])
  for (let size = 0; size !== reached.size;) {
    size = reached.size
    for (const { room, code } of sources) if (reached.has(room)) for (const [, other] of code.matchAll(/(?:from|import\()\s*['"](?:\.\.\/)+([a-z0-9]+)\//g)) if (sources.some((source) => source.room === other)) reached.add(other!)
  }
  const ignored = await text('.dockerignore')
  for (const room of reached) {
    t.match(dockerfile, new RegExp(`^COPY ${room} \\./${room}$`, 'm'), room)
    t.match(ignored, new RegExp(`^!${room}$`, 'm'), room)
  }
  t.match(ignored, /^\*$/m, 'everything else stays outside')
})

t.test('the image runs as a user without rights, reports its health and starts the launcher', async (t) => {
  const stages = dockerfile.split(/^FROM /m).slice(1)
  t.equal(stages.length, 2)
  for (const stage of stages) t.match(stage, /^node:24-bookworm-slim/)
  const last = stages.at(-1)!
  t.match(last, /^USER node$/m)
  t.match(last, /^HEALTHCHECK /m)
  t.match(last, /^ENTRYPOINT \["\/app\/node\/stele"\]$/m)
  t.notMatch(dockerfile, /passphrase|--allow-root/i)
  const schema = configSchema as { properties: Record<'rpc' | 'admin', { properties: { port: { default?: number } } }> }
  const { rpc, admin } = schema.properties
  t.match(last, `:${String(admin.properties.port.default)}/livez`, 'the health check asks the default port')
  t.match(last, new RegExp(`^EXPOSE .*${String(rpc.properties.port.default)}`, 'm'))
})

t.test('the compose file publishes RPC and health on loopback only and gives each node its own folder', async (t) => {
  const compose = await text('ops/compose.yaml')
  const published = [...compose.matchAll(/"([^"]*:\d+:\d+)"/g)].map(([, port]) => port!)
  t.equal(published.length, 8)
  for (const port of published) t.match(port, /^127\.0\.0\.1:/)
  for (const n of [1, 2, 3, 4]) t.match(compose, `volumes: ["node${n}:/network/node${n}"]`)
  t.ok((await readdir(new URL('ops/', ROOT))).includes('compose-init.sh'))
})
