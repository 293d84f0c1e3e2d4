// Goal: what the stop of a node itself interrupts is no failure of it; a broken invariant or disk stays one, also then.
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { SteleError } from '../../primitives/error.ts'
import { ModeKeeper } from '../../node/mode-keeper.ts'

function open() {
  const [fatal, damaged, told]: [unknown[], unknown[], unknown[]] = [[], [], []]
  const keeper = new ModeKeeper({ quiet: () => undefined, fatal: (error) => { fatal.push(error) }, damaged: (error) => { damaged.push(error) }, logger: { ...silentLogger, debug: (details) => { told.push(details) } } })
  return { keeper, fatal, damaged, told }
}
const error = (code: string): SteleError => new SteleError({ code, message: 'it failed' })
/** What parts that were closed or given up answer. */
const OWN = ['NODE_STOPPING', 'LEDGER_CLOSED', 'STATE_CLOSED', 'STATE_VIEW_CLOSED', 'P2P_ABORTED', 'P2P_NOT_STARTED', 'P2P_CONNECTION_LOST', 'P2P_UNREACHABLE']

t.test('while a node stops, what fails because its parts are closed ends nothing, and is told to whoever debugs', (t) => {
  const { keeper, fatal, damaged, told } = open()
  keeper.enter('stopping')
  for (const code of OWN) keeper.failed(error(code))
  t.same([fatal, damaged], [[], []])
  t.same(told.map((details) => (details as { code: string }).code), OWN)
  t.end()
})

t.test('a running node ends over the same, since nobody closed anything', (t) => {
  for (const code of OWN) {
    const { keeper, fatal } = open()
    keeper.enter('normal')
    keeper.failed(error(code))
    t.equal(fatal.length, 1, code)
  }
  t.end()
})

t.test('a broken invariant, a failed disk, damage and what has no code count while stopping as well', (t) => {
  const { keeper, fatal, damaged } = open()
  keeper.enter('stopping')
  const failures = [error('INVARIANT_BROKEN'), error('LEDGER_WRITE_FAILED'), error('STATE_WRITE_FAILED'), new Error('a bug')]
  for (const failure of failures) keeper.failed(failure)
  t.same(fatal, failures)
  keeper.failed(error('STATE_DAMAGED'))
  t.equal(damaged.length, 1)
  t.equal(keeper.mode, 'stopping', 'and it stays a stop')
  keeper.enter('fenced')
  t.equal(keeper.mode, 'stopping', 'whatever else is found out meanwhile')
  t.end()
})
