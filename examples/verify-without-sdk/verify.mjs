// Verifies a receipt bundle with nothing of Stele: only Node's own crypto and docs/spec/proofs.md, whose steps are numbered below.
// Usage: node verify.mjs INPUT.json, or - for standard input. INPUT: {"genesis": hex, "bundle": hex}, both canonical bytes.
// Prints what is proven and ends with 0; names the step that failed and ends with 4.
import { createHash, createPublicKey, verify as verifyEd25519 } from 'node:crypto'
import { readFileSync } from 'node:fs'

class Refused extends Error {}
const demand = (holds, step, what) => { if (!holds) throw new Refused(`step ${step}: ${what}`) }

// bytes.md: a reader of MessagePack that accepts the canonical form alone. Numbers of nine bytes come out as bigints.
function decode(bytes) {
  let at = 0
  const take = (n) => { demand(at + n <= bytes.length, 'decode', 'the bytes end early'); at += n; return bytes.subarray(at - n, at) }
  const length = (n, least) => { const value = take(n).readUIntBE(0, n); demand(value >= least, 'decode', 'a longer form than needed'); return value }
  const map = (size) => {
    const entries = Array.from({ length: size }, () => [read(), read()])
    demand(entries.every(([name], i) => typeof name === 'string' && (i === 0 || entries[i - 1][0] < name)), 'decode', 'members out of order')
    return Object.fromEntries(entries)
  }
  const list = (size) => Array.from({ length: size }, read)
  const text = (size) => {
    const raw = take(size)
    demand(Buffer.from(raw.toString('utf8')).equals(raw), 'decode', 'text is not UTF-8')
    return raw.toString('utf8')
  }
  function read() {
    const [head] = take(1)
    if (head < 0x80) return head
    if (head < 0x90) return map(head & 15)
    if (head < 0xa0) return list(head & 15)
    if (head < 0xc0) return text(head & 31)
    switch (head) {
      case 0xc0: return null
      case 0xc2: return false
      case 0xc3: return true
      case 0xc4: return take(length(1, 0))
      case 0xc5: return take(length(2, 256))
      case 0xc6: return take(length(4, 65536))
      case 0xcc: return length(1, 128)
      case 0xcd: return length(2, 256)
      case 0xce: return length(4, 65536)
      case 0xcf: { const value = take(8).readBigUInt64BE(); demand(value >= 2n ** 63n, 'decode', 'a small number in the large form'); return value }
      case 0xd3: return take(8).readBigInt64BE()
      case 0xd9: return text(length(1, 32))
      case 0xda: return text(length(2, 256))
      case 0xdc: return list(length(2, 16))
      case 0xde: return map(length(2, 16))
      default: throw new Refused(`decode: byte ${head.toString(16)} begins nothing`)
    }
  }
  const value = read()
  demand(at === bytes.length, 'decode', 'bytes stand after the end')
  return value
}

// The few values that are encoded again: maps of numbers, bytes and lists, for member set and attestation.
function encode(value) {
  const head = (small, kinds, size) => (size < small[1] ? Buffer.of(small[0] | size) : size < 256 && kinds[0] ? Buffer.of(kinds[0], size) : Buffer.of(kinds[1], size >> 8, size & 255))
  if (typeof value === 'bigint') { const out = Buffer.alloc(9, 0xd3); if (value < 2n ** 63n) out.writeBigInt64BE(value, 1); else { out[0] = 0xcf; out.writeBigUInt64BE(value, 1) } return out }
  if (typeof value === 'number') { if (value < 128) return Buffer.of(value); const n = value < 256 ? 1 : value < 65536 ? 2 : 4; const out = Buffer.alloc(1 + n, [0, 0xcc, 0xcd, 0, 0xce][n]); out.writeUIntBE(value, 1, n); return out }
  if (typeof value === 'string') return Buffer.concat([head([0xa0, 32], [0xd9, 0xda], value.length), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head([0, 0], [0xc4, 0xc5], value.length), value])
  if (Array.isArray(value)) return Buffer.concat([head([0x90, 16], [0, 0xdc], value.length), ...value.map(encode)])
  const names = Object.keys(value).sort()
  return Buffer.concat([head([0x80, 16], [0, 0xde], names.length), ...names.flatMap((name) => [encode(name), encode(value[name])])])
}

const sha256 = (...parts) => parts.reduce((state, part) => state.update(part), createHash('sha256')).digest()
const prefix = (domain) => Buffer.concat([Buffer.of(`stele/${domain}/v1`.length), Buffer.from(`stele/${domain}/v1`)])
const same = (a, b) => Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b)
const members = (value, names, what) => demand(value !== null && typeof value === 'object' && Object.keys(value).sort().join() === names, 'decode', `${what} has other members`)
const HEADER = 'chain,count,epoch,eventRoot,height,historyRoot,memberSet,parameters,parent,proposer,stateRoot,term,timeMs,txRoot,v'

/** RFC 9162 §2.1.3.2: the root a leaf hash and its path lead to; undefined when the path does not fit the tree. */
function rootOf(leaf, index, size, path) {
  if (!(index >= 0 && index < size)) return undefined
  let [r, fn, sn] = [leaf, index, size - 1]
  for (const p of path) {
    if (sn === 0 || p.length !== 32) return undefined
    if (fn % 2 === 1 || fn === sn) {
      r = sha256(Buffer.of(1), p, r)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)]
    } else r = sha256(Buffer.of(1), r, p)
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  }
  return sn === 0 ? r : undefined
}

const keyOf = (raw) => createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' })

export function verifyReceipt(genesisBytes, bundleBytes) {
  // 1. What genesis fixes.
  const genesis = decode(genesisBytes)
  const chain = sha256(prefix('genesis'), genesisBytes)
  const voters = genesis.members.flatMap(({ member, governanceKey, nodes }) => nodes.map(({ node, attestationKey }) => ({ node, member, attestationKey, governanceKey }))).sort((a, b) => a.node - b.node)
  const memberSet = sha256(prefix('member-set'), chain, encode({ epoch: 0, voters }))
  // 2.
  const bundle = decode(bundleBytes)
  members(bundle, 'chain,finality,header,height,path,position,receipt,v', 'the bundle')
  demand(bundle.v === 1 && same(bundle.chain, chain), 2, 'another version or chain')
  // 3.
  const [receipt, header] = [decode(bundle.receipt), decode(bundle.header)]
  members(receipt, 'code,cost,events,position,tx', 'the receipt')
  members(header, HEADER, 'the header')
  demand(header.v === 1 && same(header.chain, chain) && header.height === bundle.height, 3, 'the header is not of this chain and height')
  // 4.
  demand(receipt.position === bundle.position, 4, 'the receipt has another position')
  demand(same(rootOf(sha256(Buffer.of(0), bundle.receipt), bundle.position, header.count, bundle.path), header.eventRoot), 4, 'the receipt is not under the event root')
  // 5.
  members(bundle.finality, 'certificate,descendant', 'finality')
  const { certificate, descendant } = bundle.finality
  members(certificate, 'content,signatures', 'the certificate')
  if (descendant !== null) members(descendant, 'header,path', 'the descendant')
  const certifiedBytes = descendant === null ? bundle.header : descendant.header
  const certified = decode(certifiedBytes)
  members(certified, HEADER, 'the certified header')
  demand(certified.v === 1 && same(certified.chain, chain), 5, 'the certified header is of another chain')
  // 6.
  const { content } = certificate
  members(content, 'block,epoch,height,memberSet,stateRoot,term,v', 'the attestation')
  demand(content.v === 1 && same(content.block, sha256(prefix('block-header'), chain, certifiedBytes)), 6, 'the certificate is for another block')
  demand(['height', 'term', 'epoch'].every((name) => content[name] === certified[name]) && same(content.stateRoot, certified.stateRoot) && same(content.memberSet, certified.memberSet), 6, 'the certificate contradicts its header')
  demand(same(content.memberSet, memberSet) && content.epoch === 0, 6, 'another member set')
  // 7.
  if (descendant !== null) {
    const leaf = sha256(Buffer.of(0), sha256(prefix('block-header'), chain, bundle.header))
    demand(same(rootOf(leaf, Number(header.height), Number(certified.height), descendant.path), certified.historyRoot), 7, 'the block is no ancestor of the certified one')
  }
  // 8.
  const { signatures } = certificate
  const needed = Math.ceil((voters.length + Math.floor((voters.length - 1) / 3) + 1) / 2)
  demand(signatures.length >= needed, 8, `${signatures.length} attestations of ${needed}`)
  const message = Buffer.concat([prefix('attestation'), chain, encode(content)])
  signatures.forEach((entry, i) => {
    members(entry, 'node,signature', 'a signature')
    const voter = voters.find(({ node }) => node === entry.node)
    demand(voter !== undefined && (i === 0 || signatures[i - 1].node < entry.node), 8, 'a signer is unknown, repeated or out of order')
    demand(entry.signature.length === 64 && verifyEd25519(null, message, keyOf(voter.attestationKey), entry.signature), 8, `the signature of node ${entry.node} is not valid`)
  })
  return { chain: chain.toString('hex'), transaction: receipt.tx.toString('hex'), height: Number(header.height), position: receipt.position, timeMs: Number(header.timeMs), code: receipt.code, attestedBy: signatures.map(({ node }) => node), needed, voters: voters.length }
}

if (import.meta.filename === process.argv[1]) {
  try {
    const input = JSON.parse(readFileSync(process.argv[2] === '-' ? 0 : process.argv[2], 'utf8'))
    console.log(JSON.stringify(verifyReceipt(Buffer.from(input.genesis, 'hex'), Buffer.from(input.bundle, 'hex')), undefined, 2))
  } catch (error) {
    console.error(error instanceof Refused ? `refused at ${error.message}` : `not a receipt bundle: ${error.message}`)
    process.exitCode = 4
  }
}
