import type { Role } from './effects.ts'
import type { Index, Message, NodeId, Term } from './message.ts'
import type { ProgressState } from './progress.ts'
import type { ChangeSet, Configuration } from './reconfiguration.ts'

/** What can be seen of a node at the moment of an event. Read it at once: it changes. */
export interface ObservedNode {
  readonly id: NodeId
  readonly term: Term
  readonly vote: NodeId
  readonly role: Role
  readonly log: { readonly committed: Index; readonly lastIndex: Index }
  readonly tracker: { readonly configuration: Configuration; progress(id: NodeId): { readonly match: Index; readonly next: Index; readonly state: ProgressState; readonly pendingSnapshot: Index } | undefined }
}

/** Transitions of the core in the order in which they happen. `received` and `appended` come before their effect, all others after it. */
export type CoreEvent =
  | { readonly type: 'started' | 'campaignStarted' | 'becameFollower' | 'becamePreCandidate' | 'becameCandidate' | 'becameLeader' | 'committed' | 'appended' | 'effectsTaken' }
  | { readonly type: 'received' | 'sent'; readonly message: Message }
  /** A leader appends a change. */
  | { readonly type: 'changeProposed'; readonly change: ChangeSet }
  /** The configuration is about to be replaced by this one. */
  | { readonly type: 'reconfigured'; readonly configuration: Configuration }

/** Is told what the core does, for traces and logs. It must not throw, keep `node` or step the core; the core behaves the same without it. */
export type CoreObserver = (node: ObservedNode, event: CoreEvent) => void
