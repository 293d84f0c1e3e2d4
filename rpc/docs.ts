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
