import type { MetricsRegister } from '../primitives/ports.ts'

/** Figures of the network. Labels are closed unions; peers appear by node id, which the ledger bounds. */
export function createP2pMetrics(register: MetricsRegister) {
  return {
    connected: register.gauge('stele_p2p_connected_nodes', 'Nodes of the ledger this node is connected to'),
    gateRefused: register.counter('stele_p2p_gate_refused_total', 'Connections refused at the gate', ['direction', 'reason']),
    dials: register.counter('stele_p2p_dials_total', 'Attempts to connect', ['result']),
    faults: register.counter('stele_p2p_faults_total', 'Wrongs done by peers', ['code']),
    bans: register.counter('stele_p2p_bans_total', 'Peers cut off because of their faults'),
    framesSent: register.counter('stele_p2p_frames_sent_total', 'Raft frames handed to the network', ['channel']),
    framesReceived: register.counter('stele_p2p_frames_received_total', 'Raft frames received', ['channel']),
    bytesSent: register.counter('stele_p2p_bytes_sent_total', 'Bytes of Raft frames handed to the network', ['channel']),
    bytesReceived: register.counter('stele_p2p_bytes_received_total', 'Bytes of Raft frames received', ['channel']),
    framesDropped: register.counter('stele_p2p_frames_dropped_total', 'Raft frames dropped', ['channel', 'reason']),
    handlerFailures: register.counter('stele_p2p_handler_failures_total', 'Own handlers that threw on a message; a bug of this node', ['channel']),
    gossip: register.counter('stele_p2p_gossip_messages_total', 'Gossip messages by what became of them', ['topic', 'result']),
    // Verdicts on batches of signatures take 1 to 50 ms; beyond 100 ms the mesh feels it.
    gossipSeconds: register.histogram('stele_p2p_gossip_validation_seconds', 'Time from receiving a gossip message to its verdict', [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1], ['topic']),
    requests: register.counter('stele_p2p_requests_total', 'Requests between nodes by side and result', ['side', 'result']),
    requestSeconds: register.histogram('stele_p2p_request_seconds', 'Time from sending a request to the end of its answer', [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]),
  }
}
export type P2pMetrics = ReturnType<typeof createP2pMetrics>
