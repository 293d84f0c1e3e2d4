/**
 * The folder for compiled code, which runs with the rights of whoever loads it: `NODE_COMPILE_CACHE` when set, else `stele` below `XDG_CACHE_HOME` or `~/.cache`, made with mode 0700. Undefined, so nothing is kept,
 * when that folder or the one above it belongs to somebody else or others may write into it; never a shared temporary folder, where any local user could lay down code first.
 */
export function compileCacheFolder(env?: Readonly<Record<string, string | undefined>>, uid?: number): string | undefined
