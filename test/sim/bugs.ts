import { registerHooks } from 'node:module'
import type { Profile } from './faults.ts'

/**
 * A change of one source text. `find` stands in it exactly once and is a whole expression, or whole statements that end in a line break and declare nothing; so is `put`. Both come to
 * stand in the loaded module, and a switch decides (mutant schemata: Untch, Offutt, Harrold, "Mutation analysis using mutant schemata", 1993).
 */
export interface Edit { readonly file: string; readonly find: string; readonly put: string }

/** A bug that another implementation really had, planted into a module as it is loaded. No production file knows of it. */
export interface PlantedBug {
  readonly name: string
  /** Number in the list of real bugs of docs/testing.md, or the section of the design it breaks. */
  readonly item: string
  readonly story: string
  readonly edits: readonly Edit[]
  /** The profile that exercises what is broken; the swarm draws it too. */
  readonly profile: Profile
  /** First seed of the profile that finds it in a run of 80 ticks: where the test looks first. */
  readonly seed: number
}

const core = (file: string): string => `consensus/core/${file}.ts`

export const BUGS: readonly PlantedBug[] = [
  {
    name: 'commit-old-term', item: '1', profile: 'swarm', seed: 8, story: 'a leader commits an entry of an earlier term by counting replicas (logcabin#44, CCF#3828)',
    edits: [{ file: core('leader'), find: 'index <= log.commitSeen || !log.matches(index, state.term)', put: 'index <= log.commitSeen' }],
  },
  {
    name: 'vote-cleared-on-step-down', item: '2', profile: 'leaders', seed: 10, story: 'a candidate that steps down within its term forgets its vote (CCF#5891, #8094)',
    edits: [
      { file: core('roles'), find: "  enter(state, 'follower', term)\n", put: "  const was = state.role\n  enter(state, 'follower', term)\n  if (was === 'candidate' && state.vote === state.id) { state.vote = 0; state.hardStateDirty = true }\n" },
      // The leader it knows would hide the lost vote here, so that guard goes too.
      { file: core('elections'), find: '(state.vote === NOBODY && state.leader === NOBODY)', put: 'state.vote === NOBODY' },
    ],
  },
  {
    name: 'vote-not-recorded', item: '3', profile: 'swarm', seed: 11, story: 'a vote is given and not persisted (nebula#3415)',
    edits: [{ file: core('state'), find: '    this.vote = candidate\n    this.hardStateDirty = true\n', put: '    this.vote = candidate\n' }],
  },
  {
    name: 'commit-local-last', item: '4', profile: 'swarm', seed: 2, story: 'a follower commits its own tail as far as the leader has committed (CCF#8172, scylladb#9965, ra#508)',
    edits: [
      { file: core('follower'), find: 'Math.min(message.commit, index)', put: 'Math.min(message.commit, log.lastIndex)' },
      // Appends of this core always reach to the end of what they have shown, so only a heartbeat can carry the leader's index to a divergent tail.
      { file: core('replication'), find: 'Math.min(peer.match, state.log.committed)', put: 'state.log.committed' },
    ],
  },
  {
    name: 'nack-lowers-match', item: '6', profile: 'swarm', seed: 10, story: 'a rejection lowers what a follower has acknowledged (CCF#5324)',
    edits: [{ file: core('progress'), find: '      if (rejected <= this.match) return false\n', put: '      this.match = Math.min(this.match, hint)\n' }],
  },
  {
    name: 'truncate-without-conflict', item: '7', profile: 'leaders', seed: 41, story: 'a late append removes acknowledged entries although nothing conflicts (CCF#5927, rollback_safety)',
    edits: [{ file: core('follower'), find: 'log.findConflict(entries)', put: 'entries.find(({ index }) => index > log.commitSeen)' }],
  },
  {
    name: 'half-is-a-quorum', item: '8', profile: 'swarm', seed: 1, story: 'two sets that decide need not overlap (kin of CCF#3837, async-raft#62)',
    edits: [{ file: core('quorum'), find: 'Math.floor(count / 2) + 1', put: 'Math.max(1, Math.ceil(count / 2))' }],
  },
  {
    name: 'progress-unsorted', item: '9', profile: 'swarm', seed: 1, story: 'the progress vector loses its order, and the commit index passes what a majority has (openraft#1802)',
    edits: [{ file: core('quorum'), find: 'voters.map((id) => acked(id) ?? 0).sort(descending)', put: 'voters.map((id) => acked(id) ?? 0)' }],
  },
  {
    name: 'term-and-vote-apart', item: '11', profile: 'leaders', seed: 45, story: 'term and vote are persisted by two writes, and answered after the first (hashicorp/raft#661)',
    edits: [
      {
        file: 'node/log-store.ts',
        find: 'this.#ledger.append({\n      ...(hardState === undefined ? {} : { hardState }), ...(truncateFrom === undefined ? {} : { truncateFrom }), entries: stored, refusals,\n    })',
        put: 'this.#ledger.append({ ...(hardState === undefined ? {} : { hardState: { ...hardState, vote: 0 } }), ...(truncateFrom === undefined ? {} : { truncateFrom }), entries: stored, refusals })'
          + '.then(() => { if (hardState !== undefined && hardState.vote !== 0 && hardState.term === this.#ledger.hardState().term) void this.#ledger.append({ hardState }) })',
      },
    ],
  },
  {
    name: 'ack-before-durable', item: '12', profile: 'swarm', seed: 1, story: 'what a follower acknowledges is not durable yet (yugabyte#32875)',
    edits: [{ file: core('release'), find: 'head.batch > this.#stored', put: 'false' }],
  },
  {
    name: 'no-sync', item: '13', profile: 'swarm', seed: 2, story: 'writes are called durable without a sync (tikv#994)',
    edits: [{ file: 'state/ledger-writer.ts', find: 'this.#file.sync()', put: 'undefined' }],
  },
  {
    name: 'sync-error-ignored', item: '13', profile: 'disk', seed: 2, story: 'a sync fails once, the next one succeeds, and a hole stays (cockroach#37102)',
    edits: [{ file: 'state/ledger-writer.ts', find: 'this.#file.sync()', put: 'this.#file["sync"]().catch(() => undefined)' }],
  },
  {
    name: 'leader-counts-itself-early', item: '14', profile: 'crash', seed: 26, story: 'a leader counts its own entry before its disk has it (etcd#14370)',
    edits: [{ file: core('release'), find: 'head.batch > this.#stored', put: '(this.#stored < head.batch && head.message.to !== this.#self)' }],
  },
  {
    name: 'vote-for-stale-log', item: '16', profile: 'swarm', seed: 14, story: 'a voter overlooks that the candidate lacks entries (NuRaft#185)',
    edits: [{ file: core('log'), find: '(term === this.lastTerm && index >= this.lastIndex)', put: 'term === this.lastTerm' }],
  },
  {
    name: 'read-before-own-commit', item: '19', profile: 'reads', seed: 18, story: 'a new leader answers reads before it has committed anything (etcd#7331, tikv#6340)',
    edits: [{ file: core('leader-reads'), find: '  if (state.log.matches(state.log.committed, state.term)) startRead(state, from, request)\n  else state.postponedReads.push({ from, request })\n', put: '  startRead(state, from, request)\n' }],
  },
  {
    name: 'read-confirmed-by-old-answer', item: '20', profile: 'reads', seed: 9, story: 'an old answer to a heartbeat confirms a new read (etcd#20418)',
    edits: [{ file: core('leader'), find: '  handleReadAnswerOf(state, from, read)\n', put: '  handleReadAnswerOf(state, from, state.reads.position)\n' }],
  },
  {
    name: 'applied-index-apart', item: '21', profile: 'swarm', seed: 3, story: 'the applied index reaches the database before the data (etcd#13766, GoQuorum#814); planted into the simulated database',
    edits: [{ file: 'test/sim/sim-executor.ts', find: '    this.#unflushed.push({ index: entry.index, executed })\n', put: '    this.#unflushed.push({ index: entry.index, executed })\n    this.#ports.database.appliedIndex = entry.index\n' }],
  },
  {
    name: 'speculative-layers-kept', item: '22', profile: 'swarm', seed: 4, story: 'a deposed leader goes on building on blocks that were dropped (GoQuorum#850, #852)',
    edits: [{ file: 'consensus/driver.ts', find: '      this.#ports.execution.truncate(effects.truncatedFrom)\n', put: '' }],
  },
  {
    name: 'vote-lost-at-restart', item: '24', profile: 'swarm', seed: 1, story: 'a member comes back under its old id without its vote (fabric#3639)',
    edits: [{ file: 'state/ledger-start.ts', find: '{ ...state.hardState, commit }', put: '{ ...state.hardState, vote: 0, commit }' }],
  },
  {
    name: 'transfer-flag-survives', item: '28', profile: 'leaders', seed: 13, story: 'a leader never ends a transfer that failed, and refuses all writes (hashicorp#696)',
    edits: [{ file: core('elections'), find: '    state.transferringTo = NOBODY\n', put: '' }],
  },
  {
    name: 'ack-before-execution', item: '§5.6', profile: 'network', seed: 10, story: 'a follower vouches for a block that it has not executed',
    edits: [{ file: core('release'), find: 'head.index > executed', put: 'false' }],
  },
  {
    name: 'append-completion-aba', item: '§5.6', profile: 'swarm', seed: 5, story: 'an old completion of a write vouches for entries that replaced it (etcd async_storage_writes_append_aba_race)',
    edits: [{ file: core('log'), find: 'own === 0 || own > batch', put: 'own === 0' }],
  },
  {
    name: 'slot-ignored', item: '§5.8', profile: 'disk', seed: 26, story: 'records that the slot vouches for are cut like a torn tail (NATS 2.12, Jepsen 2025)',
    edits: [{ file: 'state/ledger-replay.ts', find: 'slot.ordinal > this.end.ordinal', put: 'false' }],
  },
  {
    name: 'checksum-ignored', item: '§5.8', profile: 'disk', seed: 32, story: 'a record is believed although its bytes have changed',
    edits: [{ file: 'state/ledger-scan.ts', find: 'recordChecksum(head, [rest], seed) === header.checksum', put: 'true' }],
  },
  {
    name: 'joint-tallied-as-union', item: '8', profile: 'members', seed: 44, story: 'a joint configuration decides by a majority of the union of both halves (CCF#3837, async-raft#62)',
    edits: [{ file: core('quorum'), find: 'Math.min(majorityCommitted(voters.incoming, acked), majorityCommitted(voters.outgoing, acked))', put: 'majorityCommitted([...new Set([...voters.incoming, ...voters.outgoing])], acked)' }],
  },
  {
    name: 'joint-decided-by-new-voters', item: '18', profile: 'members', seed: 44, story: 'a joint configuration decides by its new voters alone (camunda#60086)',
    edits: [{ file: core('quorum'), find: 'Math.min(majorityCommitted(voters.incoming, acked), majorityCommitted(voters.outgoing, acked))', put: 'majorityCommitted(voters.incoming, acked)' }],
  },
  {
    name: 'configuration-of-genesis', item: '10', profile: 'members', seed: 11, story: 'a node starts with another configuration than its state holds (openraft#1808, canonical/raft#250); planted into the simulated composition',
    edits: [{ file: 'test/sim/sim-node.ts', find: 'this.database.members.startConfiguration', put: 'world.genesis.startConfiguration' }],
  },
  {
    name: 'learners-vote', item: '34', profile: 'members', seed: 27, story: 'after a restart learners count as voters (kin of EastGuard#150)',
    edits: [{
      file: 'node/node-roster.ts',
      find: '{ voters: nodes, outgoing, learners: learners.filter((id) => !outgoing.includes(id)), learnersNext: learners.filter((id) => outgoing.includes(id)), autoLeave: false }',
      put: '{ voters: [...nodes, ...learners.filter((id) => !outgoing.includes(id))].sort((a, b) => a - b), outgoing, learners: [], learnersNext: learners.filter((id) => outgoing.includes(id)), autoLeave: false }',
    }],
  },
  {
    name: 'phantom-voter', item: '34', profile: 'members', seed: 1, story: 'a node gets a vote before it has spoken once (EastGuard#150)',
    edits: [{ file: 'node/node-roster.ts', find: "peer !== undefined && peer.recentlyActive && peer.state === 'replicate' && peer.match + LEARNER_LAG_MAX >= committedIndex", put: 'true' }],
  },
  {
    name: 'certified-by-present-voters', item: '§5.7', profile: 'members', seed: 2, story: 'a block is certified by the voters of today instead of those of its height',
    edits: [{ file: 'node/chain-rules.ts', find: 'this.#at(BigInt(height)).set', put: 'this.members' }],
  },
  {
    name: 'leader-in-vain', item: '§5.11', profile: 'members', seed: 6, story: 'the leader whose node is being replaced leads on in the joint configuration and can cut nothing (found here)',
    edits: [{ file: 'consensus/driver.ts', find: 'this.#ports.leadsInVain?.() === true', put: 'false' }],
  },
  {
    name: 'vote-lost-by-snapshot', item: '24', profile: 'snapshots', seed: 2, story: 'a node that takes a snapshot forgets its vote (kin of fabric#3639)',
    edits: [{ file: 'node/snapshot-join.ts', find: '{ ...hardState, commit: index }', put: '{ ...hardState, vote: 0, commit: index }' }],
  },
  {
    name: 'stuck-in-snapshot', item: '31', profile: 'snapshots', seed: 2, story: 'a follower that was offered a snapshot is never looked at again (etcd#10308, raft#31)',
    edits: [{ file: core('elections'), find: "    if (peer.state === 'snapshot') peer.becomeProbe()\n", put: '' }],
  },
  {
    name: 'lost-file-ignored', item: '§5.8', profile: 'files', seed: 2, story: 'a ledger whose last file with records is gone opens with those before it (found here)',
    edits: [{ file: 'state/ledger-image.ts', find: 'unknownEnd(files, replay.end.segment)', put: '[]' }],
  },
]

const ROOT = new URL('../../', import.meta.url)

/** Name of the global that holds the name of the bug that is switched on. */
const SWITCH = '__stelePlantedBug'

/** `source` with the edit beside what it replaces; throws when the text has changed so that it no longer fits. */
export function applyEdit(source: string, bug: string, { file, find, put }: Edit): string {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`a planted bug does not fit ${file} any more (found ${parts.length - 1} times): ${find.trim()}`)
  const isOn = `globalThis.${SWITCH} === '${bug}'`
  return parts.join(find.endsWith('\n') ? `  if (${isOn}) {\n${put}  } else {\n${find}  }\n` : `(${isOn} ? (${put}) : (${find}))`)
}

/** From now on modules of this thread are loaded with every bug in them, all switched off. Call it before anything imports them. */
export function plantAll(): void {
  const edits = BUGS.flatMap((bug) => bug.edits.map((edit) => ({ bug: bug.name, edit, url: new URL(edit.file, ROOT).href })))
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      const own = edits.filter((planted) => planted.url === url)
      return own.length === 0 ? loaded : { ...loaded, source: own.reduce((source, { bug, edit }) => applyEdit(source, bug, edit), String(loaded.source)) }
    },
  })
}

/** Switches one planted bug on and all others off; undefined: all off. */
export function switchOn(name: string | undefined): void {
  if (name !== undefined && !BUGS.some((bug) => bug.name === name)) throw new Error(`no planted bug is called ${name}`)
  Object.assign(globalThis, { [SWITCH]: name })
}
