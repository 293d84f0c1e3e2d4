import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { CustodianDoor } from '../../node/custodian-door.ts'
import { CustodianDoorClient } from '../../node/custodian-door-client.ts'
import { CustodianKeys } from '../../node/custodian-keys.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { seed } from '../client/fake-node.ts'

/** A folder of this test, removed after it. Not t.testdir(): the path of a Unix socket must be short. */
export function shortFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'stele-door-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A custodian's keys behind its door, and a client of it; closed after the test. The socket is `s`, the keys are `data` of the folder. */
export async function openDoor(t: Test, folder = shortFolder(t)): Promise<{ readonly folder: string; readonly keys: CustodianKeys; readonly door: CustodianDoor; readonly client: CustodianDoorClient }> {
  const keys = new CustodianKeys({ directory: join(folder, 'data') }, seed(1))
  await keys.start()
  const door = new CustodianDoor({ socket: join(folder, 's') }, { keys, logger: silentLogger })
  await door.start()
  const client = new CustodianDoorClient({ socket: join(folder, 's') })
  t.teardown(async () => {
    client.close()
    await door.stop()
  })
  return { folder, keys, door, client }
}
