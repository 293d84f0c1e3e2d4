import t from 'tap'
import { FIGURES, readOptions } from '../../bench/options.ts'

t.test('a flag that means nothing is refused by name', (t) => {
  t.throws(() => readOptions(['--only', 'speed']), { message: /--only speed: must be one of ceiling, idle/ })
  t.throws(() => readOptions(['--runs', '0']), { message: /--runs 0/ })
  t.throws(() => readOptions(['--transactions', '1.5']), { message: /--transactions 1\.5/ })
  t.throws(() => readOptions(['--fast']), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' })
  t.end()
})

t.test('figures run in their own order, growth and join only when named', (t) => {
  t.same(readOptions([]).figures, FIGURES.filter((name) => name !== 'growth' && name !== 'join'))
  t.same(readOptions(['--only', 'reads', '--only', 'ceiling', '--only', 'growth']).figures, ['ceiling', 'reads', 'growth'])
  t.end()
})

t.test('quick makes everything smaller; named sizes win', (t) => {
  const [full, quick] = [readOptions([]).sizes, readOptions(['--quick']).sizes]
  t.ok(quick.transactions < full.transactions && quick.runs < full.runs && quick.idleSeconds < full.idleSeconds)
  t.match(readOptions(['--quick', '--transactions', '7', '--runs', '3']).sizes, { transactions: 7, runs: 3 })
  t.end()
})
