import t from 'tap'
import { signatureSelfTest } from '../../primitives/signature-self-test.ts'

t.test('the verifier of this build passes the test that every node makes at its start', (t) => {
  t.doesNotThrow(signatureSelfTest)
  t.end()
})
