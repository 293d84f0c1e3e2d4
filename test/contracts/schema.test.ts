// Goal: nothing that a person could be recognised by fits into a call or an event (REQUIREMENTS K4, ID2; DESIGN §5.12).
// Method: walk the shape of every schema; only fixed-size bytes, bounded integers, booleans, closed lists of words and bounded lists of these may occur.
import t from 'tap'
import type { SchemaShape } from '../../primitives/codec.ts'
import { CALLS, EVENTS } from '../../primitives/calls/index.ts'
import { builtInRegistry } from '../../contracts/index.ts'

/** Bytes of variable length that may occur, with the longest they may be and why. */
const VARIABLE_BYTES: Readonly<Record<string, { readonly max: number, readonly why: string }>> = {
  'records.register.sections[].capsule': { max: 0, why: 'the key capsule of threshold release; empty until that exists, so it carries nothing' },
}

/** Words of members about institutions, machines and rules, never about a person; each is held to a pattern without spaces. */
const MACHINE_TEXT: ReadonlySet<string> = new Set([
  'membership.propose.change|add.name', 'membership.propose.change|add.node.addresses[]', 'membership.propose.change|replace.node.addresses[]', 'membership.propose.change|rotateNode.addresses[]',
  'membership.propose.change|parameters.policy[].purpose', 'membership.propose.change|parameters.policy[].roles[]', 'membership.propose.change|activate.contract', 'membership.propose.change|deactivate.contract',
])

/** Sizes of fixed bytes that may occur: hashes, ids and X25519 keys, key ids, signatures, tags. */
const FIXED_SIZES = new Map([[16, 'opaque tag'], [32, 'hash, id or key'], [33, 'key id'], [64, 'signature']])
const WORD = /^[A-Za-z-]{1,24}$/

function faultsIn(path: string, shape: SchemaShape): string[] {
  switch (shape.kind) {
    case 'struct': return Object.entries(shape.fields).flatMap(([name, field]) => faultsIn(`${path}.${name}`, field))
    case 'variant': return Object.entries(shape.options).flatMap(([name, option]) => faultsIn(`${path}|${name}`, option))
    case 'array': return shape.max <= 64 ? faultsIn(`${path}[]`, shape.of) : [`${path}: a list of up to ${shape.max} items`]
    case 'optional': return faultsIn(path, shape.of)
    case 'oneOf': return shape.values.length <= 64 && shape.values.every((value) => WORD.test(value)) ? [] : [`${path}: words that are not a closed list of codes`]
    case 'fixedBytes': return FIXED_SIZES.has(shape.length) ? [] : [`${path}: ${shape.length} bytes, a size with no meaning here`]
    case 'bytes': return VARIABLE_BYTES[path]?.max === shape.max ? [] : [`${path}: bytes of variable length`]
    case 'text': return MACHINE_TEXT.has(path) ? [] : [`${path}: text`]
    case 'u32': case 'u64': case 'i64': case 'boolean': return []
  }
}

t.test('the walk finds text, free bytes, odd sizes and open lists, so that a clean result means something', async (t) => {
  const planted: SchemaShape = { kind: 'struct', fields: {
    name: { kind: 'optional', of: { kind: 'text', max: 10 } }, note: { kind: 'array', min: 0, max: 3, of: { kind: 'bytes', max: 20 } },
    odd: { kind: 'variant', options: { a: { kind: 'fixedBytes', length: 20 } } }, words: { kind: 'oneOf', values: ['Jane Doe'] }, long: { kind: 'array', min: 0, max: 1000, of: { kind: 'u32' } },
  } }
  t.equal(faultsIn('planted', planted).length, 5)
})

t.test('no field of any call can carry personal data or free text', async (t) => {
  for (const [contract, calls] of Object.entries(CALLS)) {
    for (const [call, schema] of Object.entries(calls)) t.same(faultsIn(`${contract}.${call}`, schema.shape), [], `${contract}.${call}`)
  }
})

t.test('no field of any event can either', async (t) => {
  for (const [contract, events] of Object.entries(EVENTS)) {
    for (const [event, schema] of Object.entries(events)) t.same(faultsIn(`${contract}.${event}`, schema.shape), [], `${contract}.${event}`)
  }
})

t.test('every call in force is in the table, with the table\'s schema, so that none escapes the walk', async (t) => {
  for (const { contract } of builtInRegistry().all()) {
    const table: Readonly<Record<string, unknown>> = CALLS[contract.name as keyof typeof CALLS]
    t.same(Object.keys(contract.calls).sort(), Object.keys(table).sort(), contract.name)
    for (const [name, call] of Object.entries(contract.calls)) t.equal(call.args, table[name], `${contract.name}.${name}`)
  }
})

t.test('no call names two patients or two relations, so none can join the views that two institutions have of one person', async (t) => {
  // Account ids are the only 32-byte values that name a party. A call may name at most one besides its sender, but for a consent's grantee,
  // who is not a patient's other self: consents are written by the patient of one relation and name whom that relation is opened to.
  const parties = new Map<string, string[]>()
  for (const [contract, calls] of Object.entries(CALLS)) {
    for (const [call, schema] of Object.entries(calls)) {
      const shape = schema.shape
      if (shape.kind === 'struct') parties.set(`${contract}.${call}`, Object.keys(shape.fields).filter((name) => ['account', 'subject', 'grantee', 'patient', 'guardian'].includes(name)))
    }
  }
  for (const [call, names] of parties) t.ok(names.length <= 1, `${call} names ${names.join(' and ') || 'nobody'}`)
})

t.test('every code of every contract says what it means', async (t) => {
  for (const { contract } of builtInRegistry().all()) {
    for (const [code, meaning] of Object.entries(contract.codes)) {
      t.match(code, /^[A-Z][A-Z_]+$/)
      t.ok(meaning.length > 20, `${contract.name} ${code}`)
    }
  }
})
