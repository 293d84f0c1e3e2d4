import { Option } from 'commander'
import type { Command } from 'commander'
import { grantConsent, listConsents, revokeConsent } from '../../client/actions/index.ts'
import { toHex } from '../../primitives/bytes.ts'
import { ACTIONS, COARSE_CLASSES, CONFIDENTIALITIES } from '../../primitives/calls/labels.ts'
import type { Action, CoarseClass, Confidentiality } from '../../primitives/calls/labels.ts'
import { PURPOSES } from '../../primitives/calls/purposes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import { SteleError } from '../../primitives/error.ts'
import { hexBytes, integer, openPerson, personOptions } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import { print, printJson, table } from '../output.ts'

interface GrantOptions extends PersonOptions {
  readonly account?: Uint8Array
  readonly member?: number
  readonly type?: readonly string[]
  readonly code?: readonly string[]
  readonly class?: readonly CoarseClass[]
  readonly purpose: readonly Purpose[]
  readonly action?: readonly Action[]
  readonly confidentialityMax?: Confidentiality
  readonly from?: string
  readonly until?: string
  readonly days?: number
}

export function register(program: Command): void {
  const consent = program.command('consent').description('what the patient allows: grant, revoke, list; signed with the patient\'s key alone').addHelpText('after', `
Examples:
  stele consent grant --wallet ana.json --account HEX --type Observation --purpose TREAT --days 30
  stele consent list --wallet ana.json
  stele consent revoke --wallet ana.json HEX`)
  personOptions(consent.command('grant')
    .description('let somebody read; whatever is not limited is open, but purposes are always named')
    .option('--account <hex>', 'to one account', hexBytes(32))
    .option('--member <n>', 'or to everybody whom an institution has enrolled', integer(1, 0xffffffff))
    .option('--type <name...>', 'FHIR resource types, any of them')
    .option('--code <system|code...>', 'codes, any of them, for example http://loinc.org|718-7')
    .addOption(new Option('--class <name...>', 'coarse classes').choices(COARSE_CLASSES))
    .addOption(new Option('--purpose <code...>', 'HL7 purposes of use').choices(PURPOSES).makeOptionMandatory())
    .addOption(new Option('--action <verb...>', 'query and read unless told').choices(ACTIONS))
    .addOption(new Option('--confidentiality-max <level>', 'highest level shown; N unless told').choices(CONFIDENTIALITIES))
    .option('--from <day>', 'first day, YYYY-MM-DD, UTC; today unless told')
    .option('--until <day>', 'last day, included')
    .option('--days <n>', 'or so many whole days', integer(1, 36_525)))
    .addHelpText('after', `
Examples:
  stele consent grant --wallet ana.json --account HEX --type Observation --purpose TREAT --days 30
  stele consent grant --wallet ana.json --member 2 --class imaging --purpose TREAT --until 2027-03-31`)
    .action(grant)
  personOptions(consent.command('revoke').description('end a consent: once this is final no key is released or served again under it').argument('<consent>', 'id of the consent', hexBytes(32)))
    .addHelpText('after', '\nExample:\n  stele consent revoke --wallet ana.json HEX')
    .action(async (id: Uint8Array, options: PersonOptions) => {
      const { client } = await openPerson(options)
      const { height } = await revokeConsent(client, id)
      const known = await listConsents(client)
      await client.transport.close()
      // The ledger takes a revocation of any id, so that a delayed grant finds it closed; a person who mistyped must not think that something has ended.
      if (!known.some((each) => each.id === toHex(id))) throw new SteleError({ code: 'CONSENT_NOT_FOUND', message: 'this account has no consent of this id', details: { consent: toHex(id), height } })
      if (options.json === true) printJson({ consent: toHex(id), status: 'revoked', height })
      else print(`revoked, final at block ${height}`)
    })
  personOptions(consent.command('list').description('list the patient\'s consents, newest first')).addHelpText('after', `
Examples:
  stele consent list --wallet ana.json --genesis genesis.json`).action(list)
}

async function grant(options: GrantOptions): Promise<void> {
  const { account, member, type, code, purpose, action, confidentialityMax, from, until, days } = options
  if ((account === undefined) === (member === undefined)) throw new SteleError({ code: 'USAGE_GRANTEE', message: 'name either --account or --member' })
  const codes = code?.map((each) => {
    const at = each.lastIndexOf('|')
    if (at < 1 || at === each.length - 1) throw new SteleError({ code: 'USAGE_CODE', message: 'a code is written system|code', details: { code: each } })
    return { system: each.slice(0, at), code: each.slice(at + 1) }
  })
  const person = await openPerson(options)
  const { consent, receipt } = await grantConsent(person.client, {
    grantee: account === undefined ? { member: member! } : { account }, purposes: purpose,
    ...(type && { types: type }), ...(codes && { codes }), ...(options.class && { classes: options.class }), ...(action && { actions: action }),
    ...(confidentialityMax && { confidentialityMax }), ...(from && { from }), ...(until && { until }), ...(days !== undefined && { days }),
  }, person.wallet.tags(person.relation))
  await person.save()
  await person.client.transport.close()
  if (options.json === true) printJson({ consent: toHex(consent), height: receipt.height })
  else print(toHex(consent))
}

async function list(options: PersonOptions): Promise<void> {
  const { client } = await openPerson(options)
  const consents = await listConsents(client)
  await client.transport.close()
  if (options.json === true) return printJson(consents)
  const rows = consents.map(({ id, status, grantee, purposes, actions, until }) => [id, status, grantee?.account ?? `member ${grantee?.member ?? '?'}`, purposes.join(','), actions.join(','), new Date(until).toISOString().slice(0, 16)])
  print(table([['CONSENT', 'STATUS', 'FOR', 'PURPOSES', 'ACTIONS', 'BEFORE (UTC)'], ...rows]))
}
