import { toHex, utf8Bytes } from '../../primitives/bytes.ts'
import { BLOCK_LIMITS } from '../../primitives/block.ts'
import { CODEC_LIMITS } from '../../primitives/codec.ts'
import { MEMBER_SET_VOTERS_MAX } from '../../primitives/member-set.ts'
import { REQUEST_TOLERANCE_MS } from '../../primitives/request.ts'
import { TRANSACTION_LIMITS } from '../../primitives/transaction.ts'
import { encodeMessage } from '../../consensus/message-wire.ts'
import type { Message } from '../../consensus/core/message.ts'
import { encodeHello } from '../../p2p/hello.ts'
import { DEFAULT_P2P } from '../../p2p/options.ts'
import { errorFrame, kindByte, requestHead } from '../../p2p/sync-frames.ts'
import { GOSSIP_KINDS, topicOf } from '../../p2p/topics.ts'
import { frameOf } from '../../p2p/wire.ts'
import { BLOB_LIMITS } from '../../privacy/blob.ts'
import { encodeRecord, type ChainLink } from '../../state/ledger-encode.ts'
import { DATA_OFFSET, encodeSegmentHeader, encodeSlot, HEADER_BYTES, HEADER_OFFSETS, RECORD_HEADER_BYTES, RECORD_TYPES, sealRecordHeader, segmentSeed, SLOT_BYTES, SLOT_OFFSETS } from '../../state/ledger-format.ts'
import type { LedgerRecord } from '../../state/ledger-record.ts'
import { VAULT_WIRE } from '../../vault/messages.ts'
import { bytes32, SampleChain } from './sample-chain.ts'

/** Layouts that only nodes use: they need modules that no browser has. */
export function nodeVectors(): Record<string, unknown> {
  const sample = new SampleChain()
  return { raft: raftVectors(), p2p: p2pVectors(sample), ledger: ledgerVectors(sample), limits: limits() }
}

function raftVectors(): unknown {
  const header = { from: 1, to: 2, term: 3 }
  const entries = [{ kind: 'noop', term: 3, index: 8, data: new Uint8Array(0) }, { kind: 'block', term: 3, index: 9, data: Uint8Array.of(0xaa, 0xbb) }] as const
  const messages: Message[] = [
    { type: 'preVoteRequest', ...header, lastIndex: 7, lastTerm: 2 }, { type: 'preVoteAnswer', ...header, granted: true },
    { type: 'voteRequest', ...header, lastIndex: 7, lastTerm: 2, transfer: false }, { type: 'voteAnswer', ...header, granted: false },
    { type: 'append', ...header, prevIndex: 7, prevTerm: 2, commit: 6, entries }, { type: 'appendAck', ...header, index: 9 },
    { type: 'appendReject', ...header, index: 9, hintIndex: 5, hintTerm: 2 }, { type: 'appendRefusal', ...header, index: 9, entryTerm: 3, code: 'ROOT_MISMATCH', root: bytes32('own root') },
    { type: 'heartbeat', ...header, commit: 9, read: 4 }, { type: 'heartbeatAnswer', ...header, read: 4 }, { type: 'snapshotOffer', ...header, index: 9, entryTerm: 3 },
    { type: 'timeoutNow', ...header }, { type: 'readRequest', ...header, request: 2 ** 33 }, { type: 'readAnswer', ...header, request: 2 ** 33, index: 9 },
  ]
  return messages.map((message, number) => ({ number, type: message.type, bytes: toHex(encodeMessage(message)) }))
}

function p2pVectors({ chain }: SampleChain): unknown {
  const hello = encodeHello(chain, 1, 2)
  return {
    hello: toHex(hello), helloFrame: toHex(frameOf(hello)), topics: GOSSIP_KINDS.map((kind) => topicOf(chain, kind)),
    syncRequest: toHex(Uint8Array.of(...requestHead('head'), 1, 2)), syncItem: toHex(Uint8Array.of(...kindByte('item'), 1, 2)), syncLast: toHex(Uint8Array.of(...kindByte('last'), 1, 2)), syncEnd: toHex(kindByte('end')), syncError: toHex(errorFrame('P2P_BUSY', true)),
  }
}

function ledgerVectors({ chain }: SampleChain): unknown {
  const salt = bytes32('ledger salt').subarray(0, 16)
  const sequence = 1
  const seed = segmentSeed(salt, sequence)
  const at = { term: 3, index: 9, height: 4 }
  const records: LedgerRecord[] = [
    { type: 'boot', counter: 1 }, { type: 'hardState', hardState: { term: 3, vote: 2, commit: 8 } },
    { type: 'entry', entry: { ...at, kind: 'normal', data: Uint8Array.of(0xaa, 0xbb, 0xcc), hash: bytes32('block 4') }, previous: { term: 2, height: 3, hash: bytes32('block 3') } },
    { type: 'truncate', from: 9, floor: 0 }, { type: 'refused', refusal: { index: 9, term: 3, code: 'ROOT_MISMATCH', root: bytes32('own root') } },
    { type: 'attestation', attestation: { epoch: 0, height: 4, bytes: utf8Bytes('attestation') } }, { type: 'certificate', certificate: { height: 4, bytes: utf8Bytes('certificate') } },
  ]
  let link: ChainLink = { ordinal: 0, checksum: 0, lastType: 0 }
  let offset: number = DATA_OFFSET
  const written = records.map((record) => {
    const { header, parts, bytes: length, link: next } = encodeRecord(record, at, link, seed)
    sealRecordHeader(header, next.ordinal, 0, seed, offset)
    const vector = { type: record.type, number: RECORD_TYPES[record.type], offset, bytes: toHex(Buffer.concat([header, ...parts])) }
    link = next
    offset += length
    return vector
  })
  return {
    salt: toHex(salt), sequence, seed, segmentHeader: toHex(encodeSegmentHeader({ version: 1, chainId: chain, salt, sequence, segmentBytes: 16_777_216 })), records: written,
    slot: toHex(encodeSlot({
      sequence: 5, segment: 1, offset, ordinal: link.ordinal, checksum: link.checksum, lastType: link.lastType, index: 9, indexTerm: 3, height: 4, term: 3, vote: 2, commit: 8, attestedEpoch: 0, attestedHeight: 4, bootCounter: 1, lastHash: bytes32('block 4'),
    }, seed, SLOT_OFFSETS[0])),
  }
}

function limits(): Record<string, number | readonly number[]> {
  return {
    codecBytesMax: CODEC_LIMITS.bytesMax, ...TRANSACTION_LIMITS, ...BLOCK_LIMITS, votersMax: MEMBER_SET_VOTERS_MAX, requestToleranceMs: REQUEST_TOLERANCE_MS,
    controlFrameBytesMax: DEFAULT_P2P.raft.controlFrameBytesMax, appendFrameBytesMax: DEFAULT_P2P.raft.appendFrameBytesMax, syncFrameBytesMax: DEFAULT_P2P.sync.frameBytesMax,
    gossipMessageBytesMax: DEFAULT_P2P.gossip.messageBytesMax, vaultMessageBytesMax: VAULT_WIRE.messageBytesMax, plainChunkBytes: BLOB_LIMITS.plainChunkBytes, chunkBytes: BLOB_LIMITS.chunkBytes, chunksMax: BLOB_LIMITS.chunksMax,
    ledgerHeaderBytes: HEADER_BYTES, ledgerHeaderOffsets: HEADER_OFFSETS, ledgerSlotBytes: SLOT_BYTES, ledgerSlotOffsets: SLOT_OFFSETS, ledgerDataOffset: DATA_OFFSET, ledgerRecordHeaderBytes: RECORD_HEADER_BYTES,
  }
}
