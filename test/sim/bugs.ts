import { registerHooks } from 'node:module'

/** A change of one source text; `find` stands in it exactly once. */
export interface Edit { readonly file: string; readonly find: string; readonly put: string }

/** A bug that another implementation really had, planted into a module as it is loaded. No production file knows of it. */
export interface PlantedBug {
  readonly name: string
  /** Number in the list of real bugs of docs/testing.md, or the section of the design it breaks. */
  readonly item: string
  readonly story: string
  readonly edits: readonly Edit[]
  /** First seed of the swarm that finds it in a run of 80 ticks, where the test looks first; undefined when the first 40 did not. */
  readonly seed: number | undefined
}

const core = (file: string): string => `consensus/core/${file}.ts`

export const BUGS: readonly PlantedBug[] = [
  {
    name: 'commit-old-term', item: '1', seed: 8, story: 'a leader commits an entry of an earlier term by counting replicas (logcabin#44, CCF#3828)',
    edits: [{ file: core('leader'), find: 'if (index <= log.commitSeen || !log.matches(index, state.term)) return false', put: 'if (index <= log.commitSeen) return false' }],
  },
  {
    name: 'vote-cleared-on-step-down', item: '2', seed: undefined, story: 'a candidate that steps down within its term forgets its vote (CCF#5891, #8094)',
    edits: [
      { file: core('roles'), find: "  enter(state, 'follower', term)\n", put: "  const was = state.role\n  enter(state, 'follower', term)\n  if (was === 'candidate') { state.vote = 0; state.hardStateDirty = true }\n" },
      // The leader it knows would hide the lost vote here, so that guard goes too.
      { file: core('elections'), find: '(state.vote === NOBODY && state.leader === NOBODY)', put: 'state.vote === NOBODY' },
    ],
  },
  {
    name: 'vote-not-recorded', item: '3', seed: 10, story: 'a vote is given and not persisted (nebula#3415)',
    edits: [{ file: core('state'), find: '    this.vote = candidate\n    this.hardStateDirty = true\n', put: '    this.vote = candidate\n' }],
  },
  {
    name: 'commit-local-last', item: '4', seed: 2, story: 'a follower commits its own tail as far as the leader has committed (CCF#8172, scylladb#9965, ra#508)',
    edits: [
      { file: core('follower'), find: 'log.commitTo(Math.min(message.commit, index))', put: 'log.commitTo(Math.min(message.commit, log.lastIndex))' },
      // Appends of this core always reach to the end of what they have shown, so only a heartbeat can carry the leader's index to a divergent tail.
      { file: core('replication'), find: 'const commit = Math.min(peer.match, state.log.committed)', put: 'const commit = state.log.committed' },
    ],
  },
  {
    name: 'nack-lowers-match', item: '6', seed: 14, story: 'a rejection lowers what a follower has acknowledged (CCF#5324)',
    edits: [{ file: core('progress'), find: '      if (rejected <= this.match) return false\n', put: '      this.match = Math.min(this.match, hint)\n' }],
  },
  {
    name: 'truncate-without-conflict', item: '7', seed: 30, story: 'a late append removes acknowledged entries although nothing conflicts (CCF#5927, rollback_safety)',
    edits: [{ file: core('follower'), find: 'const first = log.findConflict(entries)', put: 'const first = entries.find(({ index }) => index > log.commitSeen)' }],
  },
  {
    name: 'half-is-a-quorum', item: '8', seed: 8, story: 'two sets that decide need not overlap (kin of CCF#3837, async-raft#62)',
    edits: [{ file: core('quorum'), find: 'return Math.floor(count / 2) + 1', put: 'return Math.max(1, Math.ceil(count / 2))' }],
  },
  {
    name: 'progress-unsorted', item: '9', seed: 2, story: 'the progress vector loses its order, and the commit index passes what a majority has (openraft#1802)',
    edits: [{ file: core('quorum'), find: 'acked(id) ?? 0).sort(descending)', put: 'acked(id) ?? 0)' }],
  },
  {
    name: 'term-and-vote-apart', item: '11', seed: 13, story: 'term and vote are persisted by two writes, and answered after the first (hashicorp/raft#661)',
    edits: [
      { file: 'node/log-store.ts', find: '...(hardState === undefined ? {} : { hardState })', put: '...(hardState === undefined ? {} : { hardState: { ...hardState, vote: 0 } })' },
      { file: 'node/log-store.ts', find: 'entries: stored, refusals,\n    })', put: 'entries: stored, refusals,\n    }).then(() => { if (hardState !== undefined && hardState.vote !== 0 && hardState.term === this.#ledger.hardState().term) void this.#ledger.append({ hardState }) })' },
    ],
  },
  {
    name: 'ack-before-durable', item: '12', seed: 2, story: 'what a follower acknowledges is not durable yet (yugabyte#32875)',
    edits: [{ file: core('release'), find: 'head.batch > this.#stored ||', put: 'false ||' }],
  },
  {
    name: 'no-sync', item: '13', seed: 2, story: 'writes are called durable without a sync (tikv#994)',
    edits: [{ file: 'state/ledger-writer.ts', find: '    await this.#file.sync()\n', put: '' }],
  },
  {
    name: 'sync-error-ignored', item: '13', seed: undefined, story: 'a sync fails once, the next one succeeds, and a hole stays (cockroach#37102)',
    edits: [{ file: 'state/ledger-writer.ts', find: '    await this.#file.sync()\n', put: '    await this.#file.sync().catch(() => undefined)\n' }],
  },
  {
    name: 'leader-counts-itself-early', item: '14', seed: 20, story: 'a leader counts its own entry before its disk has it (etcd#14370)',
    edits: [{ file: core('release'), find: 'head.batch > this.#stored ||', put: '(head.batch > this.#stored && head.message.to !== this.#self) ||' }],
  },
  {
    name: 'vote-for-stale-log', item: '16', seed: 11, story: 'a voter overlooks that the candidate lacks entries (NuRaft#185)',
    edits: [{ file: core('log'), find: '(term === this.lastTerm && index >= this.lastIndex)', put: 'term === this.lastTerm' }],
  },
  {
    name: 'read-before-own-commit', item: '19', seed: undefined, story: 'a new leader answers reads before it has committed anything (etcd#7331, tikv#6340)',
    edits: [{ file: core('leader-reads'), find: 'if (state.log.matches(state.log.committed, state.term)) startRead', put: 'if (state.log.committed >= 0) startRead' }],
  },
  {
    name: 'read-confirmed-by-old-answer', item: '20', seed: undefined, story: 'an old answer to a heartbeat confirms a new read (etcd#20418)',
    edits: [{ file: core('leader'), find: 'handleReadAnswerOf(state, from, read)', put: 'handleReadAnswerOf(state, from, state.reads.position)' }],
  },
  {
    name: 'applied-index-apart', item: '21', seed: 2, story: 'the applied index reaches the database before the data (etcd#13766, GoQuorum#814); planted into the simulated database',
    edits: [{ file: 'test/sim/sim-executor.ts', find: '    this.#unflushed.push({ index: entry.index, executed })\n', put: '    this.#unflushed.push({ index: entry.index, executed })\n    this.#ports.database.appliedIndex = entry.index\n' }],
  },
  {
    name: 'speculative-layers-kept', item: '22', seed: 10, story: 'a deposed leader goes on building on blocks that were dropped (GoQuorum#850, #852)',
    edits: [{ file: 'consensus/driver.ts', find: '      this.#ports.execution.truncate(effects.truncatedFrom)\n', put: '' }],
  },
  {
    name: 'vote-lost-at-restart', item: '24', seed: 1, story: 'a member comes back under its old id without its vote (fabric#3639)',
    edits: [{ file: 'state/ledger-start.ts', find: 'state.hardState = { ...state.hardState, commit }', put: 'state.hardState = { ...state.hardState, vote: 0, commit }' }],
  },
  {
    name: 'transfer-flag-survives', item: '28', seed: undefined, story: 'a leader never ends a transfer that failed, and refuses all writes (hashicorp#696)',
    edits: [{ file: core('elections'), find: '    state.transferringTo = NOBODY\n', put: '' }],
  },
  {
    name: 'ack-before-execution', item: '§5.6', seed: 21, story: 'a follower vouches for a block that it has not executed',
    edits: [{ file: core('release'), find: '|| head.index > executed', put: '' }],
  },
  {
    name: 'append-completion-aba', item: '§5.6', seed: 5, story: 'an old completion of a write vouches for entries that replaced it (etcd async_storage_writes_append_aba_race)',
    edits: [{ file: core('log'), find: 'if (own === 0 || own > batch) break', put: 'if (own === 0) break' }],
  },
  {
    name: 'slot-ignored', item: '§5.8', seed: undefined, story: 'records that the slot vouches for are cut like a torn tail (NATS 2.12, Jepsen 2025)',
    edits: [{ file: 'state/ledger-replay.ts', find: 'if (slot !== undefined && slot.ordinal > this.end.ordinal) {', put: 'if (slot !== undefined && slot.ordinal > this.end.ordinal + 1e9) {' }],
  },
  {
    name: 'checksum-ignored', item: '§5.8', seed: undefined, story: 'a record is believed although its bytes have changed',
    edits: [{ file: 'state/ledger-scan.ts', find: 'return recordChecksum(head, [rest], seed) === header.checksum', put: 'return recordChecksum(head, [rest], seed) !== -1' }],
  },
]

const ROOT = new URL('../../', import.meta.url)

/** `source` with the edit made; throws when the text has changed so that it no longer fits. */
export function applyEdit(source: string, { file, find, put }: Edit): string {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`a planted bug does not fit ${file} any more (found ${parts.length - 1} times): ${find.trim()}`)
  return parts.join(put)
}

/** From now on modules of this thread are loaded with the bug in them. Call it before anything imports them. */
export function plant(name: string): void {
  const bug = BUGS.find((candidate) => candidate.name === name)
  if (bug === undefined) throw new Error(`no planted bug is called ${name}`)
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      const edits = bug.edits.filter(({ file }) => url === new URL(file, ROOT).href)
      return edits.length === 0 ? loaded : { ...loaded, source: edits.reduce(applyEdit, String(loaded.source)) }
    },
  })
}
