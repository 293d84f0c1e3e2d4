import { exportWallet, importWallet } from '../client/wallet-file.ts'
import type { Wallet } from '../client/wallet.ts'
import { toHex } from '../primitives/bytes.ts'
import { openKeystoreFile, sealJson, writeKeystore } from './keystore.ts'
import type { KdfParameters } from './keystore-format.ts'

const KIND = 'stele-wallet'

/** Opens a person's encrypted wallet file. Throws KEYSTORE_* or `CLIENT_WALLET_INVALID`. */
export async function openWallet(path: string, passphrase: string): Promise<Wallet> {
  const { secret } = await openKeystoreFile(path, KIND, passphrase)
  return importWallet(secret)
}

/** Writes a wallet, encrypted, mode 0600, all or nothing. `KEYSTORE_EXISTS` unless an older version is to be replaced. */
export async function saveWallet(path: string, wallet: Wallet, passphrase: string, options: { readonly replace?: boolean; readonly cost?: KdfParameters } = {}): Promise<void> {
  const text = await sealJson(KIND, { chain: toHex(wallet.chain) }, exportWallet(wallet), passphrase, options.cost)
  await writeKeystore(path, text, { replace: options.replace ?? false })
}
