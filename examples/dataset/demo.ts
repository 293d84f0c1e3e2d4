import { setTimeout as sleep } from 'node:timers/promises'
import { explain } from '../../node/output.ts'
import { Progress } from '../demo/progress.ts'
import { Stage } from '../demo/stage.ts'
import { sayDuration } from '../demo/words.ts'
import { Story } from './story.ts'

const HELP = `A researcher asks for a table; patients' consent decides who is in it; three of four institutions make it together without showing each other a row.

  npm run demo:dataset                60 patients at three institutions, four nodes
  npm run demo:dataset -- --show      also prints every command, as a user would type it
`
/** How long an interrupted story may take to notice, ms. */
const END_MS_MAX = 15_000

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  if (args.some((arg) => arg !== '--show')) {
    process.stderr.write(HELP)
    return 2
  }
  const startedMs = performance.now()
  const progress = new Progress(process.stdout)
  const stage = new Stage()
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort())
  const interrupted = new Promise<'interrupted'>((resolve) => interruption.signal.addEventListener('abort', () => resolve('interrupted')))
  const story = new Story(stage, progress, { showCommands: args.includes('--show') })
  const told = story.tell().then(() => 'told' as const)
  try {
    if (await Promise.race([told, interrupted]) === 'interrupted') {
      process.stderr.write('\ninterrupted; stopping everything\n')
      return 130
    }
    process.stdout.write(`\n${progress.summary()}\n\nthe whole demo took ${sayDuration(performance.now() - startedMs)}\n`)
    return 0
  } catch (error) {
    process.stderr.write(`\nthe demo failed: ${explain(error)}\n`)
    return 1
  } finally {
    story.stop()
    await stage.stop()
    await Promise.race([told.catch(() => undefined), sleep(END_MS_MAX)])
    stage.removeFolder()
  }
}

process.exit(await main())
