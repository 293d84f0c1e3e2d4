import type { TSchema } from 'typebox'
import { numberOf } from './error-map.ts'
import type { AnyMethod } from './registry.ts'

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** The page a person sees who opens the RPC address in a browser. No script, nothing from elsewhere. */
export function renderPage(methods: readonly AnyMethod[], version: string): string {
  const rows = methods.map(({ name, summary, access }) => `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(summary)}</td><td>${access === 'signed' ? 'signed request' : 'open'}</td></tr>`).join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Stele node</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}td,th{padding:.2rem .8rem .2rem 0;vertical-align:top;text-align:left}</style></head>
<body><h1>Stele node</h1>
<p>Version ${escapeHtml(version)}. This address answers programs: JSON-RPC 2.0 at <code>POST /rpc</code>, subscriptions on the WebSocket <code>/ws</code>, the machine-readable description at <a href="/openrpc.json">/openrpc.json</a>.</p>
<pre>curl -s -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"chain_head"}' http://127.0.0.1:8545/rpc</pre>
<table><thead><tr><th scope="col">Method</th><th scope="col">What it does</th><th scope="col">Access</th></tr></thead><tbody>
${rows}
</tbody></table></body></html>
`
}

const INTRODUCTION = `# JSON-RPC reference

<!-- Made by \`node rpc/generate-docs.ts\` from the table of methods in rpc/methods/. Do not edit. -->

JSON-RPC 2.0 at \`POST /rpc\` (\`application/json\`), subscriptions on the WebSocket \`/ws\`, the machine-readable description at \`/openrpc.json\` and as \`rpc.discover\`.

- Parameters by name or by position; by position, \`null\` leaves an optional one out. Unknown members are refused.
- Bytes are lower-case hex, u64 values decimal strings, heights and times (ms, UTC) numbers.
- **Signed** methods take \`auth\`: a signature over the method and the other parameters in their by-name form (\`primitives/request.ts\`). It is valid for 60 s and once.
- Lists come in pages. A cursor pins the height, so pages do not shift while blocks arrive; \`nextCursor\` is null on the last.
- Every answer names in \`asOf\` the block whose state it shows. \`stale: true\` stands there while the node knows no leader: it goes on answering, and the others may be further.
- Errors carry a number that groups, and in \`error.data.code\` the code to match on; \`error.data\` also says whether and when to retry, what to do, and a trace id. See \`errors.md\`.
- HTTP status 200 for every answer, 204 where there is none; 400, 401, 403, 404, 405, 413, 415, 429 and 503 only when the transport refuses, with a JSON-RPC body all the same; bytes that are no HTTP get 400 or 431 with a body that is not.
- A batch holds at most 100 calls, an answer at most 10 MiB, a body at most 1 MiB.
- Chunks of ciphertext: \`PUT\` and \`GET /vault/<blob>/<index>\` as \`application/octet-stream\`, at most 1 MiB + 16 bytes, signed in the header \`stele-auth\` over the method \`PUT /vault/<blob>/<index>\` with parameters \`{sha256}\` of the body, or \`GET …\` with \`{}\`.
- Pushes are notifications \`node_subscription\` with \`subscription\`, \`result\` and \`cursor\`; the last one of a subscription has \`ended\` or an \`error\` instead of a result. A reader that is too slow gets \`lagged\` and is closed with code 1013; on shutdown the code is 1001.

## Methods
`

/** The reference for people, in Markdown: docs/rpc.md. The same list gives the same text. */
export function renderMarkdown(methods: readonly AnyMethod[]): string {
  return `${INTRODUCTION}\n${methods.map(renderMethod).join('\n')}`
}

function renderMethod({ name, summary, description, access, params, result, errors, examples, rateClass }: AnyMethod): string {
  const required = new Set<string>(params.required ?? [])
  const rows = Object.entries(params.properties).map(([param, schema]) => `| \`${param}\` | ${typeText(schema)} | ${required.has(param) ? 'yes' : 'no'} | ${cell(describe(schema))} |`)
  const codes = errors.map((code) => `\`${code}\` (${numberOf(code) ?? '–'})`).join(', ')
  const [example] = examples
  const request = example === undefined ? '' : `\n\`\`\`json\n${JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params: shorten(example.params) })}\n${JSON.stringify({ jsonrpc: '2.0', id: 1, result: shorten(example.result) })}\n\`\`\`\n`
  return [
    `### ${name}\n`, `${summary}${description === undefined ? '' : ` ${description}`}\n`,
    `${access === 'signed' ? 'Signed' : 'Public'} · rate class ${rateClass} · result: ${typeText(result)}${errors.length === 0 ? '' : ` · errors: ${codes}`}\n`,
    ...(rows.length === 0 ? ['No parameters.\n'] : ['| parameter | type | required | meaning |', '|---|---|---|---|', ...rows, '']),
  ].join('\n') + request
}

const cell = (text: string): string => text.replaceAll('|', '\\|')
const describe = (schema: TSchema): string => ('description' in schema && typeof schema.description === 'string' ? schema.description : '')

/** A schema in a few words: its JSON type, or its values, or its members. */
function typeText(schema: object): string {
  const { type, enum: values, anyOf, items, properties } = schema as { type?: unknown; enum?: unknown[]; anyOf?: object[]; items?: object | object[]; properties?: Record<string, object> }
  if (values !== undefined) return values.map((value) => `\`${JSON.stringify(value)}\``).join(' ')
  if (anyOf !== undefined) return anyOf.map(typeText).join(' or ')
  if (type === 'array') return Array.isArray(items) ? `[${items.map(typeText).join(', ')}]` : `list of ${items === undefined ? 'anything' : typeText(items)}`
  if (properties !== undefined) return `{${Object.keys(properties).join(', ')}}`
  return String(type)
}

/** Long hex is cut in the page; the OpenRPC document has it whole. */
function shorten(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 16 && /^[0-9a-f]+$/.test(value) ? `${value.slice(0, 12)}…` : value
  if (Array.isArray(value)) return value.map(shorten)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]: [string, unknown]) => [name, shorten(member)]))
}
