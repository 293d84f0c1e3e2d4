import pino from 'pino'
import type { Logger } from '../primitives/ports.ts'

/** Names of fields that are never written, wherever they stand: keys, secrets and record contents. */
const REDACTED = ['seed', 'secret', 'secretKey', 'privateKey', 'passphrase', 'tagKey', 'dataKey', 'plaintext', 'auth', 'transaction', 'sealed']

/** JSON logs on stderr, one event a line; data commands keep stdout. Text from peers never goes above debug. */
export function createLogger(level: 'debug' | 'info' | 'warn' | 'error', bindings: object = {}): Logger {
  const logger = pino({
    level,
    base: { ...bindings },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    serializers: { error: (error: unknown) => describeError(error) },
  }, pino.destination({ fd: 2, sync: true }))
  return {
    debug: (fields, phrase) => logger.debug(fields, phrase),
    info: (fields, phrase) => logger.info(fields, phrase),
    warn: (fields, phrase) => logger.warn(fields, phrase),
    error: (fields, phrase) => logger.error(fields, phrase),
  }
}

/** An error as log fields: code, text, details and what caused it, without a stack unless it is a bug. What caused an error of a known code is no bug either: whoever gave the code foresaw it. */
export function describeError(error: unknown, isForeseen = false): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code, details } = error as Error & { code?: unknown; details?: unknown }
  const isKnown = code !== 'INVARIANT_BROKEN' && (isForeseen || typeof code === 'string')
  return {
    ...(code === undefined ? {} : { code }), message: error.message, ...(details === undefined ? {} : { details }),
    ...(isKnown ? {} : { stack: error.stack }), ...(error.cause === undefined ? {} : { cause: describeError(error.cause, isKnown) }),
  }
}
