import { Option } from 'commander'
import type { Command } from 'commander'
import { certifyAttribute, sendAndWait } from '../../client/actions/index.ts'
import { toHex } from '../../primitives/bytes.ts'
import { ATTRIBUTES } from '../../primitives/calls/attributes.ts'
import type { Attribute } from '../../primitives/calls/attributes.ts'
import { ENROLLED_KINDS } from '../../primitives/calls/identity.ts'
import { readCard } from '../card-file.ts'
import { hexBytes, institutionOptions, integer, openDesk } from '../command-options.ts'
import { print, printJson } from '../output.ts'

const DAY_MS = 86_400_000
interface DeskOptions { readonly config: string; readonly rpc: readonly string[]; readonly json?: boolean }

export function register(program: Command): void {
  const identity = program.command('identity').description('what an institution does for its accounts: enrol and certify').addHelpText('after', `
Examples:
  stele identity enrol --config city-hospital/custodian.yaml --kind patient --card ana.card
  stele identity certify --config city-hospital/custodian.yaml --account HEX --attribute role --value physician`)
  institutionOptions(identity.command('enrol')
    .description('enrol an account with the keys on a card')
    .addOption(new Option('--kind <kind>', 'kind of account').choices(ENROLLED_KINDS).makeOptionMandatory())
    .requiredOption('--card <file>', 'card made by `stele wallet new`'))
    .addHelpText('after', `
Examples:
  stele identity enrol --config city-hospital/custodian.yaml --kind patient --card ana.card

The tag key of a patient goes to the custodian, which must be running.`)
    .action(enrol)
  institutionOptions(identity.command('certify')
    .description('certify an attribute of an account')
    .requiredOption('--account <hex>', 'the account', hexBytes(32))
    .addOption(new Option('--attribute <name>', 'what is certified').choices(ATTRIBUTES).makeOptionMandatory())
    .requiredOption('--value <word>', 'for example physician, cardiology, active')
    .option('--days <n>', 'how long it holds', integer(1, 3650), 365))
    .addHelpText('after', `
Examples:
  stele identity certify --config city-hospital/custodian.yaml --account HEX --attribute role --value physician
  stele identity certify --config city-hospital/custodian.yaml --account HEX --attribute licence --value active --days 730`)
    .action(async ({ account, attribute, value, days, ...options }: DeskOptions & { account: Uint8Array; attribute: Attribute; value: string; days: number }) => {
      const desk = await openDesk(options)
      const { id, height } = await certifyAttribute(desk.client, { account, attribute, value: attribute === 'organisation' ? Number(value) : value, untilMs: Date.now() + days * DAY_MS })
      await desk.close()
      if (options.json === true) printJson({ transaction: toHex(id), height })
      else print(`${attribute} ${value} certified for ${days} days`)
    })
}

async function enrol({ kind, card: path, ...options }: DeskOptions & { kind: (typeof ENROLLED_KINDS)[number]; card: string }): Promise<void> {
  // Read before anything stands on the ledger: a patient whose tag key nobody keeps could have no records.
  const { signKey, sealKey, tagKey } = await readCard(path)
  const desk = await openDesk(options)
  const { id, height } = await sendAndWait(desk.client, { contract: 'identity', call: 'enroll', args: { kind, signKey, sealKey } })
  if (kind === 'patient') await desk.door.keepRelation(id, tagKey)
  await desk.close()
  if (options.json === true) printJson({ account: toHex(id), height })
  else print(toHex(id))
}
