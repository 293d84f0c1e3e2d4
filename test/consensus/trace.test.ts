import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createTraceRecorder } from '../../consensus/trace.ts'
import { findFiles, runFile } from '../conformance/raft/suite.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { BareNode } from '../helpers/raft-node.ts'

interface TraceLine { readonly tag: string; readonly event: { readonly name: string; readonly nid: string; readonly role: string; readonly state: object; readonly log: number; readonly conf: readonly string[][]; readonly msg?: object; readonly prop?: object } }

const corpus = corpusPath('raft-etcd')

function record(work: (lines: TraceLine[], observer: ReturnType<typeof createTraceRecorder>) => void): TraceLine[] {
  const lines: TraceLine[] = []
  work(lines, createTraceRecorder((line) => lines.push(JSON.parse(line) as TraceLine)))
  return lines
}

/** `key: kind` of everything in an object, lists by their first element. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]))
}

t.test('an election and a block are traced event by event, with the state at that moment', async (t) => {
  const lines = record((_, observer) => {
    const node = new BareNode({ terms: [1], preVote: false, observer })
    node.lead(2)
    node.step({ type: 'submit', term: 2, data: [new Uint8Array(1)] })
    node.receive('appendAck', { from: 2, term: 2, index: 3 })
  })
  t.same(lines.map(({ event }) => event.name).filter((name) => name !== 'Ready'), [
    'InitState', 'BecomeCandidate', 'SendRequestVoteResponse', 'SendRequestVoteRequest', 'SendRequestVoteRequest', 'ReceiveRequestVoteResponse', 'ReceiveRequestVoteResponse',
    'BecomeLeader', 'Replicate', 'SendAppendEntriesResponse', 'SendAppendEntriesRequest', 'SendAppendEntriesRequest', 'ReceiveAppendEntriesResponse',
    'Replicate', 'SendAppendEntriesResponse', 'ReceiveAppendEntriesResponse', 'ReceiveAppendEntriesResponse', 'Commit', 'SendAppendEntriesRequest',
  ])
  t.match(lines[1]?.event, { nid: '1', role: 'StateCandidate', state: { term: 2, vote: '1', commit: 0 }, log: 1, conf: [['1', '2', '3'], []] })
  const commit = lines.findIndex(({ event }) => event.name === 'Commit')
  t.match(lines[commit]?.event, { role: 'StateLeader', state: { term: 2, commit: 3 }, log: 3 })
})

t.test('pre-votes leave no trace, and the core does the same with a recorder as without', async (t) => {
  const run = (observer?: ReturnType<typeof createTraceRecorder>): BareNode => {
    const node = new BareNode({ terms: [1], ...(observer === undefined ? {} : { observer }) })
    node.lead(2)
    return node
  }
  const lines = record((_, observer) => t.same(run(observer).sent, run().sent))
  t.notOk(lines.some(({ event }) => JSON.stringify(event).includes('PreVote') || JSON.stringify(event).includes('PreCandidate')))
})

t.test('traces of etcd\'s own files have the fields of etcd\'s example, event by event', { skip: corpus === undefined ? CORPUS_ABSENT : false }, async (t) => {
  if (corpus === undefined) return
  const example = readFileSync(join(corpus, 'trace', 'example.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as TraceLine)
  const known = new Map(example.map(({ event }) => [`${event.name} ${(event.msg as { type?: string } | undefined)?.type ?? ''}`, shapeOf({ ...event, conf: [], prop: undefined })]))
  const seen = new Set<string>()
  for (const { path, family } of findFiles(join(corpus, 'interaction'))) {
    for (const { tag, event } of record((_, observer) => runFile(path, family, false, observer))) {
      t.equal(tag, 'trace')
      const key = `${event.name} ${(event.msg as { type?: string } | undefined)?.type ?? ''}`
      if (seen.has(key)) continue
      seen.add(key)
      if (known.has(key)) t.same(shapeOf({ ...event, conf: [], prop: undefined }), known.get(key), key)
    }
  }
  t.same([...new Set(example.map(({ event }) => event.name))].filter((name) => ![...seen].some((key) => key.startsWith(`${name} `))), [], 'every event of the example occurs')
})
