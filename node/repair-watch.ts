import { errorCode } from '../primitives/error.ts'
import type { Database, DatabaseView } from '../state/database.ts'

/** A database that tells `onDamaged` of every row found damaged, whoever reads it, and then throws as before. */
export function watchDatabase(database: Database, onDamaged: (error: unknown) => void): Database {
  return {
    view: () => watchView(database.view(), onDamaged),
    write: (operations, options) => database.write(operations, options),
    compact: (range) => database.compact(range),
    sizeBytes: () => database.sizeBytes(),
    close: () => database.close(),
  }
}

function watchView(view: DatabaseView, onDamaged: (error: unknown) => void): DatabaseView {
  const tell = (error: unknown): never => {
    if (errorCode(error) === 'STATE_DAMAGED') onDamaged(error)
    throw error
  }
  return {
    get(key) {
      try {
        return view.get(key)
      } catch (error) {
        return tell(error)
      }
    },
    async *range(options) {
      try {
        yield* view.range(options)
      } catch (error) {
        tell(error)
      }
    },
    close: () => view.close(),
  }
}
