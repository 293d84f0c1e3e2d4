import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface'
import type { Logger } from '../primitives/ports.ts'

/**
 * libp2p's log lines, reduced to the errors, at debug, by their constant format text. Their values come from peers and their trace lines
 * are written for every frame, so neither is formatted at all.
 */
export function libp2pLogger(logger: Logger): ComponentLogger {
  return { forComponent: (name) => componentLogger(logger, name) }
}

function componentLogger(logger: Logger, component: string): Libp2pLogger {
  const ignore = (): void => undefined
  return Object.assign(() => undefined, {
    error: (format: unknown) => logger.debug({ component, format: typeof format === 'string' ? format : 'error' }, 'libp2p reported a failure'),
    trace: ignore,
    newScope: (name: string) => componentLogger(logger, `${component}:${name}`),
    enabled: false,
  })
}
