import { perform } from '../demo/perform.ts'
import { Story } from './story.ts'

const HELP = `A researcher asks for a table; patients' consent decides who is in it; three of four institutions make it together without showing each other a row.

  npm run demo:dataset                60 patients at three institutions, four nodes
  npm run demo:dataset -- --show      also prints every command, as a user would type it
`
async function main(): Promise<number> {
  const args = process.argv.slice(2)
  if (args.some((arg) => arg !== '--show')) {
    process.stderr.write(HELP)
    return 2
  }
  let story: Story | undefined
  return perform({
    tell: (stage, progress) => {
      story = new Story(stage, progress, { showCommands: args.includes('--show') })
      return story.tell()
    },
    end: () => story?.stop(),
  })
}

process.exit(await main())
