import { decode } from '../../primitives/codec.ts'
import type { Certificate } from '../../primitives/certificate.ts'
import { errorCode } from '../../primitives/error.ts'
import { memberSetAt, memberSetLink } from '../../primitives/member-history.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import type { Client } from '../create-client.ts'
import { bytesOf } from '../hex.ts'
import type { RequestOptions } from '../transports/transport.ts'

/** Asks the node how the voters changed since genesis and takes that over, every step verified. True when there was news. Throws HISTORY_*, CERTIFICATE_*, RECOVERY_*, CODEC_*. */
export async function followMembers(client: Client, options?: RequestOptions): Promise<boolean> {
  const { links } = await client.call('chain_members', {}, options)
  return client.chain.follow(links.map((link) => decode(memberSetLink, bytesOf('links', link))))
}

/** Runs a verification against the voters of the certificate's height. When it was made by voters the client does not know yet, it asks once how they came to be. */
export async function withMembers<T>(client: Client, { content }: Pick<Certificate, 'content'>, verification: (members: MemberSet) => T, options?: RequestOptions): Promise<T> {
  const verify = (): T => verification(memberSetAt(client.chain.periods, content.epoch, content.height).set)
  try {
    return verify()
  } catch (error) {
    const code = errorCode(error)
    if ((code !== 'CERTIFICATE_WRONG_MEMBER_SET' && code !== 'HISTORY_INCOMPLETE') || !await followMembers(client, options)) throw error
    return verify()
  }
}
