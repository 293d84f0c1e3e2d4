import type { Page, PageParams } from '../primitives/rpc-types.ts'
import { clientError } from './errors.ts'

/** Most items one call of a listing action gathers; whoever needs more pages by hand. */
export const LIST_ITEMS_MAX = 100_000

/** All items of a paged list, at the one height that the cursors pin. A node that never ends its list is stopped at `LIST_ITEMS_MAX`. */
export async function collectPages<T>(fetchPage: (page: PageParams) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const page: Page<T> = await fetchPage({ limit: 500, ...(cursor !== null && { cursor }) })
    items.push(...page.items)
    if (items.length > LIST_ITEMS_MAX || (page.items.length === 0 && page.nextCursor !== null)) {
      throw clientError('CLIENT_RESPONSE_INVALID', { details: { rule: 'a list must end', itemCountMax: LIST_ITEMS_MAX } })
    }
    cursor = page.nextCursor
  } while (cursor !== null)
  return items
}
