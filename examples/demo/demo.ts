import { parseArgs } from 'node:util'
import { countPlan, GENERATED, planFromDirectory, planFromGenerator } from './import-plan.ts'
import { perform } from './perform.ts'
import type { Progress } from './progress.ts'
import type { Stage } from './stage.ts'
import { Story } from './story.ts'

const HELP = `Four institutions share patient records, for real: processes, consensus, encryption, consent, audit.

  npm run demo                        patients from the project's own generator
  npm run demo -- --fhir DIR          FHIR R4 bundles (*.json) of a folder
  npm run demo -- --patients N        that many generated patients (default ${GENERATED.patients})
  npm run demo -- --nodes N           4 (default) to 7 institutions; the further ones only vote and store
  npm run demo -- --keep              leaves everything running until Ctrl-C
`

interface Options { readonly fhir?: string | undefined; readonly keep: boolean; readonly nodes: number; readonly patients: number }

function readOptions(): Options | undefined {
  const { values } = parseArgs({ options: { fhir: { type: 'string' }, keep: { type: 'boolean', default: false }, nodes: { type: 'string', default: '4' }, patients: { type: 'string', default: String(GENERATED.patients) }, help: { type: 'boolean', default: false } } })
  const [nodes, patients] = [Number(values.nodes), Number(values.patients)]
  if (values.help || !Number.isInteger(nodes) || nodes < 4 || nodes > 7 || !Number.isInteger(patients) || patients < 1 || patients > 1_000) return undefined
  return { fhir: values.fhir, keep: values.keep, nodes, patients }
}

async function tell(stage: Stage, progress: Progress, { fhir, keep, nodes, patients }: Options, waiting: (stage: Stage) => Promise<void>): Promise<void> {
  const plan = fhir === undefined ? planFromGenerator({ seed: GENERATED.seed, patients }) : planFromDirectory(fhir)
  const { patients: people, resources, sensitive } = countPlan(plan)
  progress.say(`${people} patients, ${resources} resources (${sensitive} sensitive) ${fhir === undefined ? 'from the seeded generator' : `from ${fhir}`}\n`)
  const story = new Story(stage, progress, plan)
  await progress.step(`starting ${nodes} institutions, a node each`, () => stage.startNodes(nodes))
  await progress.step('starting a custodian for each', () => stage.startInstitutions(), () => `${stage.custodians.length} processes that alone hold data keys`)
  await story.enrol()
  await story.importRecords()
  await story.refusedBeforeConsent()
  await story.grant()
  await story.readOne()
  await story.refusedOthers()
  await story.loseLeader()
  await story.revoke()
  await story.audit()
  if (keep) await waiting(stage)
  await progress.step('stopping everything', () => stage.stop())
  await story.verifyOffline()
}

async function main(): Promise<number> {
  const options = readOptions()
  if (options === undefined) {
    process.stderr.write(HELP)
    return 2
  }
  let waiting = false
  return perform({
    tell: (stage, progress, interrupted) => tell(stage, progress, options, async ({ nodes, folder }) => {
      waiting = true
      progress.say(`\nstill running; Ctrl-C stops everything\n${nodes.map(({ name, rpc }) => `  ${name.padEnd(20)} ${rpc}\n`).join('')}  folder ${folder}`)
      await interrupted
    }),
    awaitsInterruption: () => waiting,
  })
}

process.exit(await main())
