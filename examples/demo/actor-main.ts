import { errorCode, SteleError } from '../../primitives/error.ts'
import type { ActorAnswer, ActorQuestion } from './actor-process.ts'

/** What an actor can be asked: input as it came over the line, and a way to say how far it is. */
export type ActorMethods = Readonly<Record<string, (input: never, progress: (done: number) => void) => Promise<unknown>>>

/** Answers the demo's questions until it goes away; then this process ends too, so that nothing is left behind. */
export function serveActor(methods: ActorMethods): void {
  const send = (answer: ActorAnswer): void => { process.send?.(answer) }
  process.on('disconnect', () => process.exit(0))
  process.on('SIGINT', () => {}) // Ctrl-C reaches the whole group; the demo decides when its actors go.
  process.on('message', (message) => {
    const { id, method, input } = message as ActorQuestion
    const handler = methods[method]
    const done = handler === undefined
      ? Promise.reject(new SteleError({ code: 'DEMO_METHOD_UNKNOWN', message: 'the actor does not know this method', details: { method } }))
      : handler(input as never, (progress) => send({ id, progress }))
    done.then((result) => send({ id, result }), (error: unknown) => send({ id, error: describe(error) }))
  })
}

function describe(error: unknown): { code: string; message: string; details: Readonly<Record<string, unknown>> } {
  if (error instanceof SteleError) return { code: error.code, message: error.message, details: JSON.parse(JSON.stringify(error.details, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))) as Record<string, unknown> }
  return { code: errorCode(error) ?? 'UNKNOWN', message: error instanceof Error ? error.stack ?? error.message : String(error), details: {} }
}
