import type { Test } from 'tap'

/**
 * As `t.testdir()`, and removed only after everything given to `t.teardown` has run. tap otherwise removes a folder first when it was asked for
 * before the first teardown, while the nodes of the test still write into it.
 */
export function testDirectory(t: Pick<Test, 'teardown' | 'testdir'>): string {
  t.teardown(() => undefined)
  return t.testdir()
}
