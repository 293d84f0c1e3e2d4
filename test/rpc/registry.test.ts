import { readFile } from 'node:fs/promises'
import t from 'tap'
import { Compile } from 'typebox/compile'
import { numberOf } from '../../rpc/error-map.ts'
import { METHODS, methodList } from '../../rpc/methods/index.ts'
import { specificationMethods } from '../../rpc/methods/specification.ts'
import { openRpcDocument } from '../../rpc/open-rpc.ts'
import { renderMarkdown } from '../../rpc/docs.ts'
import { RATE_CLASSES } from '../../rpc/registry.ts'
import { createServer, errorOf, inject } from './support.ts'

const all = [...methodList, ...specificationMethods]

t.test('every entry is complete and its examples fit its schemas', async (t) => {
  for (const { name, params, result, examples, errors, rateClass, access, summary } of all) {
    t.match(name, /^[a-z]+(?:_[a-zA-Z]+)*$/, name)
    t.ok(summary.endsWith('.') || summary.endsWith('(example of the specification).'), `${name}: the summary is a sentence`)
    t.ok(examples.length > 0, `${name} has an example`)
    t.ok(RATE_CLASSES.includes(rateClass))
    t.equal((params as { additionalProperties?: unknown }).additionalProperties, false, `${name} refuses unknown members`)
    t.equal(access === 'signed', (params.required ?? []).includes('auth'), `${name}: signed methods require auth, others do not`)
    t.strictSame(errors.filter((code) => numberOf(code) === undefined), [], `${name}: every code has a number`)
    for (const example of examples) {
      t.strictSame(Compile(params).Errors(example.params), [], `${name}: parameters of "${example.name}"`)
      t.strictSame(Compile(result).Errors(example.result), [], `${name}: result of "${example.name}"`)
    }
  }
})

t.test('every example runs, by name and by position, and its answer fits the schema', async (t) => {
  const server = createServer({ specificationExamples: true })
  t.teardown(() => server.stop())
  for (const { name, params, result, examples, rest } of all.filter((method) => !method.name.startsWith('node_') || method.name === 'node_info')) {
    const positions = Object.keys(params.properties)
    for (const { params: named } of examples) {
      const given = named as Record<string, unknown>
      const positional = rest === undefined ? positions.map((position) => given[position] ?? null) : given[rest]
      for (const form of [given, positional]) {
        const { body } = await inject(server, JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params: form }))
        t.strictSame(Compile(result).Errors((body as { result: unknown }).result), [], `${name} ${JSON.stringify(form).slice(0, 40)}`)
      }
    }
  }
})

t.test('an unknown member is refused by every method', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  for (const { name, examples } of methodList) {
    const { body } = await inject(server, JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params: { ...examples[0]!.params, surprise: 1 } }))
    t.strictSame([errorOf(body).code, errorOf(body).data.details[0]?.path], [-32602, '/params/surprise'], name)
  }
})

t.test('signed methods refuse a call without auth before anything else, and no other method needs it', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  for (const { name, access } of methodList) {
    const { body } = await inject(server, JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params: {} }))
    const code = 'error' in (body as object) ? errorOf(body).data.code : 'OK'
    t.equal(code === 'RPC_UNAUTHENTICATED', access === 'signed', `${name}: ${code}`)
  }
})

t.test('the OpenRPC document names every method once, is self-contained, and has unique error numbers', async (t) => {
  const document = openRpcDocument(methodList, '1.2.3')
  t.match(document, { openrpc: '1.3.2', info: { title: String, version: '1.2.3' } })
  t.equal(new Set(document.methods.map(({ name }) => name)).size, methodList.length)
  t.notMatch(JSON.stringify(document), /"\$ref"/)
  for (const { name, params, result, errors, examples, paramStructure } of document.methods) {
    t.ok(['either', 'by-name'].includes(paramStructure))
    t.equal(new Set(errors.map(({ code }) => code)).size, errors.length, `${name}: numbers are unique`)
    t.ok(errors.every(({ code, message }) => Number.isInteger(code) && message !== ''))
    t.ok(result.name !== '' && typeof result.schema === 'object')
    t.ok(params.every((param) => param.name !== '' && typeof param.schema === 'object' && typeof param.required === 'boolean'))
    t.ok(examples.every((example) => example.params.every((param) => params.some((known) => known.name === param.name))), `${name}: examples use known parameters`)
    const firstOptional = params.findIndex(({ required }) => !required)
    const lastRequired = params.findLastIndex(({ required, name: param }) => required && param !== 'auth')
    t.ok(firstOptional === -1 || lastRequired < firstOptional, `${name}: required parameters come first, auth last`)
  }
  t.strictSame(JSON.parse(JSON.stringify(document)), JSON.parse(JSON.stringify(openRpcDocument(methodList, '1.2.3'))), 'the same list gives the same document')
})

t.test('the reference in docs/rpc.md is the generated one', async (t) => {
  const file = await readFile(new URL('../../docs/rpc.md', import.meta.url), 'utf8')
  t.equal(file, renderMarkdown(methodList), 'run `node rpc/generate-docs.ts` after changing a method')
  for (const name of Object.keys(METHODS)) t.match(file, `### ${name}\n`)
})
