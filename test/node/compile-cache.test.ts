// Goal: compiled code comes from a folder that only the user can fill; whoever fills it runs code with the rights of the node.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { compileCacheFolder } from '../../node/compile-cache.js'

const STELE = resolve(import.meta.dirname, '../../node/stele')
const uid = process.getuid!()

/** A folder for caches of this test alone; the system's own temporary folder is one that others may write into. */
function home(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'stele-cache-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

t.test('a folder that others may write into, or that is not the own, keeps nothing', async (t) => {
  const open = home(t)
  chmodSync(open, 0o1777)
  t.equal(compileCacheFolder({ XDG_CACHE_HOME: open }), undefined, 'above it, as in /tmp')
  const cache = home(t)
  const folder = join(cache, 'stele')
  for (const mode of [0o777, 0o770, 0o702]) {
    mkdirSync(folder)
    chmodSync(folder, mode)
    t.equal(compileCacheFolder({ XDG_CACHE_HOME: cache }), undefined, mode.toString(8))
    rmSync(folder, { recursive: true })
  }
  symlinkSync(home(t), folder)
  t.equal(compileCacheFolder({ XDG_CACHE_HOME: cache }), undefined, 'a link')
  rmSync(folder)
  mkdirSync(folder, { mode: 0o700 })
  t.equal(compileCacheFolder({ XDG_CACHE_HOME: cache }, uid + 1), undefined, 'the folder of somebody else')
  t.equal(compileCacheFolder({ XDG_CACHE_HOME: '/proc' }), undefined, 'nothing can be made there')
})

t.test('the folder is the one that is set, else the own one below the cache folder, made for nobody else', async (t) => {
  const cache = home(t)
  t.equal(compileCacheFolder({ NODE_COMPILE_CACHE: '/var/cache/stele', XDG_CACHE_HOME: cache }), '/var/cache/stele')
  t.equal(compileCacheFolder({ XDG_CACHE_HOME: cache, HOME: '/proc' }), join(cache, 'stele'))
  t.equal(statSync(join(cache, 'stele')).mode & 0o777, 0o700)
  t.equal(compileCacheFolder({ HOME: cache }), join(cache, '.cache/stele'))
  t.equal(compileCacheFolder({ HOME: cache, XDG_CACHE_HOME: 'relative' }), join(cache, '.cache/stele'), 'a relative path is none, says the XDG specification')
})

t.test('the launcher takes no code from the temporary folder, and keeps its own apart', async (t) => {
  const [cache, temporary] = [home(t), home(t)]
  const { NODE_COMPILE_CACHE: _set, ...env } = process.env
  execFileSync(STELE, ['--version'], { env: { ...env, XDG_CACHE_HOME: cache, TMPDIR: temporary } })
  t.not(readdirSync(join(cache, 'stele')).length, 0)
  t.notOk(existsSync(join(temporary, 'node-compile-cache')))
})
