import { Option } from 'commander'
import type { Command } from 'commander'
import { certifyAttribute } from '../../client/actions/index.ts'
import { toHex } from '../../primitives/bytes.ts'
import { ATTRIBUTES } from '../../primitives/calls/attributes.ts'
import type { Attribute } from '../../primitives/calls/attributes.ts'
import { ENROLLED_KINDS } from '../../primitives/calls/identity.ts'
import { readCard } from '../card-file.ts'
import { hexBytes, institutionOptions, integer, openDesk } from '../command-options.ts'
import { enrol as enrolOnce } from '../enrolment.ts'
import type { EnrolledKind } from '../enrolment.ts'
import { print, printJson, say } from '../output.ts'

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

The custodian keeps the tag key of a patient and must be running; it remembers which account a card became, so the same card again gives the same account,
also after a failure half-way.`)
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

async function enrol({ kind, card: path, ...options }: DeskOptions & { kind: EnrolledKind; card: string }): Promise<void> {
  const card = await readCard(path)
  const desk = await openDesk(options)
  const forgetful = (): void => say('note: the custodian does not answer, so nobody remembers which account this card becomes')
  const { account, height, isNew } = await enrolOnce(desk, kind, card, forgetful).finally(() => desk.close())
  if (!isNew) say('note: this card had been enrolled before; nothing was changed')
  if (options.json === true) printJson({ account: toHex(account), height })
  else print(toHex(account))
}
