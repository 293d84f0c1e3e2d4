import type { Logger } from '../primitives/ports.ts'
import { STOP_MS_MAX } from './ending.ts'
import { EXIT, explain, say } from './output.ts'

export interface Running { stop(): Promise<void> }

/** Stops `running` on SIGTERM or SIGINT, then exits with 0. A second signal exits at once. */
export function stopOnSignal(running: Running, logger: Logger): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(EXIT.failure)
    stopping = true
    logger.info({ signal }, 'stopping')
    setTimeout(() => {
      logger.error({}, 'stopping took too long')
      process.exit(EXIT.failure)
    }, STOP_MS_MAX).unref()
    running.stop().then(() => process.exit(EXIT.ok), (error: unknown) => {
      logger.error({ error }, 'stopping failed')
      process.exit(EXIT.failure)
    })
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

/** Ends the process over a broken invariant or a failed disk: nothing is written any more, the data on disk are sound. */
export function createFatal(logger: Logger): (error: unknown) => void {
  return (error) => {
    logger.error({ error }, 'the node cannot go on')
    say(`stele: ${explain(error)}`)
    process.exit(EXIT.failure)
  }
}
