import { CLEAR, TcpLink } from './tcp-link.ts'
import type { Weather } from './tcp-link.ts'

/** What is done to the bytes from one node to another, whoever dialled; `refused`: connections between the two are closed, whichever way. */
export type Disturbance = (from: number, to: number) => (Partial<Weather> & { readonly refused?: boolean }) | undefined

/** Every ordered pair of nodes has a link of its own. Nodes are named by their ids. */
export class Mesh {
  readonly #links = new Map<string, TcpLink>()
  readonly #nodes: readonly number[]

  private constructor(nodes: readonly number[]) {
    this.#nodes = nodes
  }

  /** `ports`: where each node really listens. Returns the mesh and, for each node, the port by which it reaches each other. */
  static async open(ports: ReadonlyMap<number, number>): Promise<{ readonly mesh: Mesh; readonly routes: ReadonlyMap<number, ReadonlyMap<number, number>> }> {
    const nodes = [...ports.keys()]
    const mesh = new Mesh(nodes)
    const routes = new Map(nodes.map((node) => [node, new Map<number, number>()]))
    for (const [from, to] of mesh.#pairs()) {
      const link = new TcpLink(ports.get(to)!)
      mesh.#links.set(`${from}>${to}`, link)
      routes.get(from)!.set(to, await link.listen())
    }
    return { mesh, routes }
  }

  /** Everything that disturbs the links now; replaces what was said before. */
  set disturbances(all: readonly Disturbance[]) {
    for (const [from, to] of this.#pairs()) {
      const found = all.flatMap((disturb) => disturb(from, to) ?? [])
      const weather = found.reduce<Weather>((sum, { blocked = false, delayMs = 0, bytesPerSecond = Infinity }) => ({
        blocked: sum.blocked || blocked, delayMs: sum.delayMs + delayMs, bytesPerSecond: Math.min(sum.bytesPerSecond, bytesPerSecond),
      }), CLEAR)
      this.#link(from, to).setWeather('out', weather)
      this.#link(to, from).setWeather('back', weather)
      const refused = found.some(({ refused: each }) => each === true) || all.some((disturb) => disturb(to, from)?.refused === true)
      this.#link(from, to).refusing = refused
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()))
  }

  #link(from: number, to: number): TcpLink { return this.#links.get(`${from}>${to}`)! }

  #pairs(): [number, number][] {
    return this.#nodes.flatMap((from) => this.#nodes.filter((to) => to !== from).map((to): [number, number] => [from, to]))
  }
}
