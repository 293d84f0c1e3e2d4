import t from 'tap'
import { addressesOf } from '../../node/routes.ts'

t.test('a route of this site takes the place of what the ledger says, for that node alone', async (t) => {
  const named = ['/ip4/192.0.2.7/tcp/9000']
  const routes = ['2=/ip4/127.0.0.1/tcp/1', '2=/ip4/127.0.0.1/tcp/2', '21=/ip4/127.0.0.1/tcp/3']
  t.strictSame(addressesOf(2, named, routes), ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'])
  t.equal(addressesOf(1, named, routes), named)
})
