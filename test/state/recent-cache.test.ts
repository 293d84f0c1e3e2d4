import t from 'tap'
import { RecentCache } from '../../state/recent-cache.ts'

t.test('what was not used lately is forgotten, what was used stays, within the bound', (t) => {
  const cache = new RecentCache<number>(20, () => 1)
  for (let i = 0; i < 100; i++) {
    cache.set(`k${i}`, i)
    t.equal(cache.get('k0'), 0, 'read each time')
  }
  t.equal(cache.get('k50'), undefined)
  t.equal(cache.get('k99'), 99)
  t.ok(Array.from({ length: 100 }, (_, i) => cache.get(`k${i}`)).filter((value) => value !== undefined).length <= 20)
  t.end()
})

t.test('a refreshed value replaces the one held, young or old, and nothing else comes in by that way', (t) => {
  const cache = new RecentCache<string>(4, () => 1)
  cache.set('old', '1')
  cache.set('young', '1') // Fills the first generation.
  cache.set('young', '1')
  cache.refresh('old', () => '2')
  cache.refresh('young', () => '2')
  let asked = false
  cache.refresh('stranger', () => { asked = true; return '2' })
  t.same([cache.get('old'), cache.get('young'), cache.get('stranger'), asked], ['2', '2', undefined, false])
  t.end()
})
