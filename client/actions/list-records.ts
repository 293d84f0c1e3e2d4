import { toHex } from '../../primitives/bytes.ts'
import type { RpcRecordVersion } from '../../primitives/rpc-types.ts'
import type { TagDictionary, TagMeaning } from '../../privacy/tags.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { bytesOf } from '../hex.ts'
import { collectPages } from '../pages.ts'

/** Newest version of every record of a subject (the signing account unless told), newest first. */
export function listRecords(client: Client, { subject, ...options }: SignedOptions & { readonly subject?: Uint8Array } = {}): Promise<RpcRecordVersion[]> {
  const of = toHex(subject ?? client.signer(options.account).id)
  return collectPages((page) => client.callSigned('record_list', { subject: of, ...page }, options))
}

/** All versions of one record, newest first. */
export function listRecordHistory(client: Client, record: Uint8Array, options: SignedOptions = {}): Promise<RpcRecordVersion[]> {
  return collectPages((page) => client.callSigned('record_history', { record: toHex(record), ...page }, options))
}

/** What the tags of a section mean to a holder of the relation's dictionary; padding and unknown tags are left out. */
export function namedTags(section: RpcRecordVersion['sections'][number], tags: TagDictionary): TagMeaning[] {
  return section.tags.flatMap((tag) => tags.meaningOf(bytesOf('tags', tag, 16)) ?? [])
}
