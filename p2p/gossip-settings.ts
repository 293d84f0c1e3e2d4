import { StrictNoSign } from '@libp2p/gossipsub'
import type { GossipsubOpts, Message } from '@libp2p/gossipsub'
import { concatBytes, utf8Bytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hash.ts'
import type { GossipOptions } from './options.ts'
import { GOSSIP_KINDS, topicOf } from './topics.ts'

/** Bytes of content a peer may send in one go when asked for missed messages. */
const RPC_BYTES_MAX = 16 * 1024 * 1024

/**
 * Gossipsub for a few members who all know each other. Messages carry no author (StrictNoSign): their content is signed where it matters, and
 * the id is the hash of topic and content, so equal content is one message whoever sends it first. A publisher sends to every member;
 * the small mesh is for the pairs that are cut off from each other, and its own scores are off: `scores.ts` judges peers.
 */
export function gossipSettings(chain: Uint8Array, options: GossipOptions): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: messageId,
    msgIdToStrFn: (id) => Buffer.from(id).toString('base64'),
    allowedTopics: GOSSIP_KINDS.map((kind) => topicOf(chain, kind)),
    fallbackToFloodsub: false,
    emitSelf: false,
    doPX: false,
    tagMeshPeers: false,
    floodPublish: true,
    batchPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    D: 0, Dlo: 0, Dhi: 0, Dscore: 0, Dout: 0, Dlazy: 6,
    heartbeatInterval: options.heartbeatMs,
    // Equal content within this time is one message, also when it is published again.
    seenTTL: 30_000,
    // A member that has the message says so at once, which spares the copies the others would forward to it.
    idontwantMinDataSize: 128,
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    maxOutboundBufferSize: RPC_BYTES_MAX,
    maxInboundDataLength: RPC_BYTES_MAX,
    maxTopicBytesPerPeer: 16 * 1024,
    decodeRpcLimits: { maxSubscriptions: 16, maxMessages: 5_000, maxIhaveMessageIDs: 5_000, maxIwantMessageIDs: 5_000, maxIdontwantMessageIDs: 512, maxControlMessages: 512, maxPeerInfos: 0 },
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0, topics: {} },
  }
}

function messageId(message: Message): Uint8Array {
  return sha256(concatBytes(utf8Bytes(message.topic), Uint8Array.of(0), message.data)).subarray(0, 20)
}
