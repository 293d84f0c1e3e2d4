import type { Logger } from '../../primitives/ports.ts'
import type { RpcPorts } from '../../rpc/ports.ts'
import type { ReleaseCheck } from '../release-check.ts'
import type { SteleNode } from '../stele-node.ts'
import type { VaultService } from '../vault-service.ts'
import { NodeAudit } from './audit.ts'
import { NodeCancel } from './cancel.ts'
import { NodeChain } from './chain.ts'
import { NodeCluster } from './cluster.ts'
import { NodeEvents } from './events.ts'
import { Head } from './head.ts'
import { NodeReads } from './reads.ts'
import { NodeReaders } from './readers.ts'
import { NodeRequests } from './requests.ts'
import { NodeTransactions } from './transactions.ts'
import { NodeMailbox, NodeVault } from './vault.ts'

/** Everything RPC asks of a node. */
export function createRpcPorts(node: SteleNode, vault: VaultService, release: ReleaseCheck, logger: Logger): { readonly ports: RpcPorts; readonly cluster: NodeCluster } {
  const head = new Head(node)
  const readers = new NodeReaders(node, head)
  const transactions = new NodeTransactions(node, head)
  const requests = new NodeRequests(node)
  const cancel = new NodeCancel(node, requests, transactions, head)
  cancel.start()
  const chain = new NodeChain(node, head)
  const audit = new NodeAudit(node, vault, head)
  const cluster = new NodeCluster(node, release, head, logger)
  const ports: RpcPorts = {
    requests, reads: new NodeReads(node), transactions, cancellations: cancel, chain, identity: readers, records: readers, audit, cluster,
    consents: { list: (patient, page, caller) => readers.consents(patient, page, caller) },
    vault: new NodeVault(node, vault, head), mailbox: new NodeMailbox(node, vault, release),
    events: new NodeEvents(node, { chain, transactions, audit }),
  }
  return { ports, cluster }
}
