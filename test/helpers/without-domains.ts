/**
 * Loaded before tap. tap follows every promise, to tell which test a stray error belongs to: a quarter of the time of tests that run whole nodes. Without, a stray error still fails the run:
 * a throw fails the test at hand, a rejection the file.
 */
import hooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const followsNothing: hooks.AsyncHook = { enable: () => followsNothing, disable: () => followsNothing }
Object.assign(hooks, { createHook: () => followsNothing })
syncBuiltinESMExports()
