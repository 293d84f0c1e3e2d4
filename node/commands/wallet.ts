import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { createWallet } from '../../client/wallet.ts'
import { toHex } from '../../primitives/bytes.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { hexBytes, integer, nodeOptions, openNodes, passphraseOf } from '../command-options.ts'
import type { NodeOptions } from '../command-options.ts'
import { print, printJson, table } from '../output.ts'
import { openWallet, saveWallet } from '../wallet-store.ts'

interface WalletOptions { readonly wallet: string; readonly passphraseFile?: string; readonly json?: boolean }

export function register(program: Command): void {
  const wallet = program.command('wallet').description('a person\'s keys: one account for each institution, so that no two institutions see a common one').addHelpText('after', `
Examples:
  stele wallet new --wallet ana.json --member 1 --card ana.card --genesis genesis.json
  stele wallet enrolled --wallet ana.json --account HEX
  stele wallet show --wallet ana.json`)
  nodeOptions(wallet.command('new')
    .description('make a wallet, or begin a further relation in one, and write the card that the institution enrols')
    .requiredOption('--wallet <file>', 'wallet file, made when it is not there')
    .requiredOption('--member <n>', 'number of the institution', integer(1, 0xffffffff))
    .requiredOption('--card <file>', 'where the card goes: public keys, and the tag key that only the two share')
    .option('--passphrase-file <file>', 'file that opens the wallet; else STELE_PASSPHRASE, else a prompt'))
    .addHelpText('after', `
Examples:
  stele wallet new --wallet ana.json --member 1 --card ana.card --genesis genesis.json
  stele identity enrol --config city-hospital/custodian.yaml --kind patient --card ana.card
  stele wallet enrolled --wallet ana.json --account HEX`)
    .action(create)
  wallet.command('enrolled')
    .description('note the account that the institution has enrolled')
    .requiredOption('--wallet <file>', 'wallet file')
    .requiredOption('--account <hex>', 'the account', hexBytes(32))
    .option('--relation <n>', 'which relation', integer(0, 1023), 0)
    .option('--passphrase-file <file>', 'file that opens the wallet; else STELE_PASSPHRASE, else a prompt')
    .addHelpText('after', `
Examples:
  stele wallet enrolled --wallet ana.json --account HEX`)
    .action(async ({ wallet: path, account, relation, passphraseFile }: WalletOptions & { account: Uint8Array; relation: number }) => {
      const passphrase = await passphraseOf(passphraseFile)
      const opened = await openWallet(path, passphrase)
      opened.setAccount(relation, account)
      await saveWallet(path, opened, passphrase, { replace: true })
      print(`relation ${relation} acts as ${toHex(account)}`)
    })
  wallet.command('show')
    .description('list relations and accounts; no secret is shown')
    .requiredOption('--wallet <file>', 'wallet file')
    .option('--passphrase-file <file>', 'file that opens the wallet; else STELE_PASSPHRASE, else a prompt')
    .option('--json', 'print JSON')
    .addHelpText('after', `
Examples:
  stele wallet show --wallet ana.json --passphrase-file ana.pass`)
    .action(async ({ wallet: path, passphraseFile, json }: WalletOptions) => {
      const { chain, relations } = await openWallet(path, await passphraseOf(passphraseFile))
      const rows = relations.map(({ index, member, account, tagKey }) => ({ relation: index, member, account: account === undefined ? null : toHex(account), tagKey: tagKey !== undefined }))
      if (json === true) return printJson({ chain: toHex(chain), relations: rows })
      print(table([['RELATION', 'MEMBER', 'ACCOUNT', 'TAGS'], ...rows.map((row) => [String(row.relation), String(row.member), row.account ?? 'not enrolled', row.tagKey ? 'readable' : 'erased'])]))
    })
}

async function create({ wallet: path, member, card, passphraseFile, ...nodes }: NodeOptions & WalletOptions & { member: number; card: string }): Promise<void> {
  const passphrase = await passphraseOf(passphraseFile)
  const existing = await openWallet(path, passphrase).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'KEYSTORE_NOT_FOUND') return undefined
    throw error
  })
  const wallet = existing ?? createWallet({ seed: new Uint8Array(randomBytes(32)), chain: (await openNodes(nodes)).chain.id })
  const { index, tagKey } = wallet.addRelation(member)
  const { signer, sealKeys } = wallet.keys(index)
  await saveWallet(path, wallet, passphrase, { replace: existing !== undefined })
  writeFileSync(card, `${JSON.stringify({ signKey: toHex(ed25519KeyId(signer.publicKey)), sealKey: toHex(sealKeys.publicKey), tagKey: toHex(tagKey!) })}\n`, { mode: 0o600, flag: 'wx' })
  if (nodes.json === true) printJson({ wallet: path, relation: index, card })
  else print(`relation ${index} with member ${member}; take ${card} to the institution and delete it afterwards`)
}
