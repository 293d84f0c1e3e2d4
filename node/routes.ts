/** Where to dial a node: what this site's configuration says (`NODE=MULTIADDRESS`), else what the ledger says. */
export function addressesOf(node: number, named: readonly string[], routes: readonly string[]): readonly string[] {
  const own = routes.filter((route) => route.startsWith(`${node}=`)).map((route) => route.slice(route.indexOf('=') + 1))
  return own.length > 0 ? own : named
}
