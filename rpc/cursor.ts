import { createHash } from 'node:crypto'
import type { PageOf, PageQuery, ProvenPageOf } from './ports.ts'
import { rpcError } from './refuse.ts'

/** Items per page when the caller names none. */
export const PAGE_ITEMS = 50

/** What identifies a query whose pages belong together: the method and its parameters without limit, cursor and signature. */
export interface QueryKey { readonly method: string; readonly of: string; readonly order: 'newest' | 'oldest' }

/**
 * Cursor = `height.fingerprint.position`, base64url where needed. It pins the height, so pages do not shift while blocks arrive. It carries no
 * authority: every page is authorised anew.
 */
export function toPageQuery(key: QueryKey, params: { readonly limit?: number | undefined; readonly cursor?: string | undefined }): PageQuery {
  const limit = params.limit ?? PAGE_ITEMS
  if (params.cursor === undefined) return { atHeight: null, after: null, limit, order: key.order }
  const [height, mark, position, ...more] = params.cursor.split('.')
  if (height === undefined || mark !== fingerprint(key) || position === undefined || more.length > 0 || !/^(?:0|[1-9]\d{0,15})$/.test(height)) {
    throw rpcError('RPC_CURSOR_INVALID', 'the cursor is of another query')
  }
  return { atHeight: Number(height), after: Buffer.from(position, 'base64url').toString('utf8'), limit, order: key.order }
}

/** The reader's page in the form callers get. */
export function toPage<T>(key: QueryKey, page: PageOf<T>): { items: T[]; nextCursor: string | null; asOf: PageOf<T>['asOf'] } {
  const { items, next, asOf } = page
  return { items, nextCursor: next === null ? null : `${asOf.height}.${fingerprint(key)}.${Buffer.from(next, 'utf8').toString('base64url')}`, asOf }
}

/** The same for a list whose proofs may be gone below a height. */
export function toProvenPage<T>(key: QueryKey, page: ProvenPageOf<T>): ReturnType<typeof toPage<T>> & { firstHeight?: number } {
  return { ...toPage(key, page), ...(page.firstHeight !== undefined && page.firstHeight > 1 && { firstHeight: page.firstHeight }) }
}

function fingerprint({ method, of, order }: QueryKey): string {
  return createHash('sha256').update(JSON.stringify([method, of, order])).digest('base64url').slice(0, 8).replaceAll('.', '_')
}
