import { readFile } from 'node:fs/promises'
import { errorCode, SteleError } from '../primitives/error.ts'
import { replaceFile } from '../vault/disk.ts'

/** A place in the feed of permits: after the receipt at this position of the block at this height. */
export interface PermitPlace { readonly height: number; readonly position: number }

export const FEED_START: PermitPlace = { height: 0, position: 0xffff_ffff }

/** Remembers, across restarts and kill -9, up to which place every permit is done with. */
export class CustodianCursor {
  readonly #path: string
  #saved: PermitPlace = FEED_START
  #saving: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** The saved place; the start of the feed when there is none. `CUSTODIAN_CURSOR_DAMAGED`. */
  async load(): Promise<PermitPlace> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return this.#saved
      throw error
    }
    const match = /^(\d{1,15}) (\d{1,10})\n$/.exec(text)
    if (match === null) throw new SteleError({ code: 'CUSTODIAN_CURSOR_DAMAGED', message: 'the cursor file is not two numbers', details: { path: this.#path } })
    this.#saved = { height: Number(match[1]), position: Number(match[2]) }
    return this.#saved
  }

  /** On disk when this returns; the same place again writes nothing. Saves that overlap are written one after the other, the last one's place at the end. */
  save(place: PermitPlace): Promise<void> {
    const turn = this.#saving.then(() => this.#write(place))
    this.#saving = turn.catch(() => undefined) // Who asked for that save is told; the next one tries anew.
    return turn
  }

  async #write(place: PermitPlace): Promise<void> {
    if (place.height === this.#saved.height && place.position === this.#saved.position) return
    await replaceFile(this.#path, `${this.#path}.new`, new TextEncoder().encode(`${place.height} ${place.position}\n`))
    this.#saved = place
  }
}

/** The place just before one permit: where to go on when that one is still open. */
export function placeBefore({ height, position }: PermitPlace): PermitPlace {
  return position > 0 ? { height, position: position - 1 } : { height: height - 1, position: 0xffff_ffff }
}
