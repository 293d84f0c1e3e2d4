import { setTimeout as sleep } from 'node:timers/promises'
import { explain } from '../../node/output.ts'
import { Progress } from './progress.ts'
import { Stage } from './stage.ts'
import { sayDuration } from './words.ts'

/** How long an interrupted story may take to notice, ms. */
const END_MS_MAX = 15_000

/** A story told on a stage of real processes. */
export interface Performance {
  /** `interrupted` resolves at the first signal. */
  readonly tell: (stage: Stage, progress: Progress, interrupted: Promise<void>) => Promise<void>
  /** True while the story itself waits for the interruption and goes on after it. */
  readonly awaitsInterruption?: () => boolean
  /** Ends what the story runs beside the stage. */
  readonly end?: () => void
}

/** Tells the story to its end or to a signal, stops all processes and removes their folder. Returns the exit code: 0 told, 1 failed, 130 interrupted. */
export async function perform({ tell, awaitsInterruption = () => false, end = () => {} }: Performance): Promise<number> {
  const startedMs = performance.now()
  const progress = new Progress(process.stdout)
  const stage = new Stage()
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort()) // A second signal changes nothing: leaving at once would leave processes behind.
  const interrupted = new Promise<void>((resolve) => interruption.signal.addEventListener('abort', () => resolve()))
  const told = tell(stage, progress, interrupted).then(() => 'told' as const)
  try {
    const outcome = await Promise.race([told, interrupted.then(() => (awaitsInterruption() ? told : 'interrupted' as const))])
    if (outcome === 'interrupted') {
      process.stderr.write('\ninterrupted; stopping everything\n')
      return 130
    }
    process.stdout.write(`\n${progress.summary()}\n\nthe whole demo took ${sayDuration(performance.now() - startedMs)}\n`)
    return 0
  } catch (error) {
    process.stderr.write(`\nthe demo failed: ${explain(error)}\n`)
    return 1
  } finally {
    end()
    await stage.stop()
    // How the story ended was told above. Everybody it talks to is gone, so it ends soon; only then nothing writes into the folder any more.
    await Promise.race([told.catch(() => undefined), sleep(END_MS_MAX)])
    stage.removeFolder()
  }
}
