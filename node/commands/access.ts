import { Option } from 'commander'
import type { Command } from 'commander'
import { requestAccess } from '../../client/actions/index.ts'
import type { AccessInput } from '../../client/actions/request-access.ts'
import { decisionEvent } from '../../primitives/calls/access.ts'
import { ACTIONS } from '../../primitives/calls/labels.ts'
import type { Action } from '../../primitives/calls/labels.ts'
import { PURPOSES } from '../../primitives/calls/purposes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import { toJson } from '../../primitives/codec.ts'
import { readDetails } from '../audit-details-file.ts'
import { collect, hexBytes, integer, openPerson, personOptions } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import { EXIT, print, printJson } from '../output.ts'

export interface AskOptions extends PersonOptions {
  readonly subject: Uint8Array
  readonly record: Uint8Array
  readonly recordVersion: number
  readonly section: readonly number[]
  readonly action: Action
  readonly purpose: Purpose
  readonly details: string
  readonly auditor?: readonly Uint8Array[]
}

/** What every request names. */
export function askOptions(command: Command): Command {
  return personOptions(command)
    .requiredOption('--subject <hex>', 'account of the patient', hexBytes(32))
    .requiredOption('--record <hex>', 'the record', hexBytes(32))
    .option('--record-version <n>', '0 is the newest', integer(0, 0xffffffff), 0)
    .addOption(new Option('--section <n>', 'section, repeatable; 0 is the descriptor (default: 1)').argParser(collect(integer(0, 63))))
    .addOption(new Option('--action <verb>', 'what is asked').choices(ACTIONS).default('read'))
    .addOption(new Option('--purpose <code>', 'HL7 purpose of use').choices(PURPOSES).default('TREAT'))
    .requiredOption('--details <file>', 'JSON {"who", "device", "reason"}, sealed to patient and auditors')
    .addOption(new Option('--auditor <hex>', 'seal key of an auditor, repeatable').argParser(collect(hexBytes(32))))
}

export function accessInput({ subject, record, recordVersion, section = [1], action, purpose, details, auditor = [] }: AskOptions): AccessInput {
  return { subject, record, version: recordVersion, sections: [...new Set(section)].sort((a, b) => a - b), action, purpose, details: readDetails(details), auditors: auditor }
}

export function register(program: Command): void {
  const access = program.command('access').description('ask for access; every decision stands in the patient\'s audit trail').addHelpText('after', `
Examples:
  stele access request --wallet rao.json --subject HEX --record HEX --details asking.json --rpc http://127.0.0.1:8500`)
  askOptions(access.command('request').description('ask and print the final decision; exit code 1 when it is a denial'))
    .addHelpText('after', `
Examples:
  stele access request --wallet rao.json --subject HEX --record HEX --details asking.json
  stele record get …                       asks and reads in one`)
    .action(async (options: AskOptions) => {
      const { client } = await openPerson(options)
      const { decision, receipt } = await requestAccess(client, accessInput(options))
      await client.transport.close()
      if (options.json === true) printJson({ height: receipt.height, ...(toJson(decisionEvent, decision) as object) })
      else print(decision.decision === 'permit' ? `permitted until ${new Date(Number(decision.until)).toISOString()}` : 'denied, or there is nothing there: the two look alike')
      if (decision.decision === 'deny') process.exitCode = EXIT.failure
    })
}
