import { releaseHash } from '../../contracts/anonymization/kernel/index.ts'
import { openingsSchema } from '../../contracts/anonymization/openings.ts'
import { toHex } from '../../primitives/bytes.ts'
import { openDesk } from '../command-options.ts'
import { bad, EXIT, good, print, printJson } from '../output.ts'
import { judgeRemotely } from './check.ts'
import type { DeskOptions } from './define.ts'
import { readForm } from './files.ts'
import { readOverlapFiles } from './overlaps.ts'
import { readJoint, readRows } from './publish.ts'
import { attestRelease, challengeRelease } from './steps.ts'
import { readWhole } from '../files.ts'

export interface VerifyOptions extends DeskOptions { readonly document: string; readonly rows?: readonly string[]; readonly openings?: string; readonly joint?: string; readonly earlier: readonly string[]; readonly part: readonly string[]; readonly attest?: boolean }

/** Findings that are shown; the first ones tell most. */
const FINDINGS_SHOWN = 20

/** `stele dataset verify`. */
export async function verify(id: Uint8Array, options: VerifyOptions): Promise<void> {
  const desk = await openDesk(options)
  try {
    const evidence = {
      member: desk.member, rows: options.rows && await readRows(options.rows), openings: options.openings === undefined ? undefined : await readForm(options.openings, openingsSchema, 'opened rows'),
      joint: options.joint === undefined ? undefined : releaseHash(await readJoint(options.joint)),
    }
    const { verdict, rule, findings } = await judgeRemotely(desk.client, id, await readWhole(options.document), evidence, await readOverlapFiles(options))
    const decided = options.attest === true ? await attestRelease(desk.client, id, verdict) : undefined
    if (options.json === true) printJson({ verdict, rule, findings: findings.slice(0, FINDINGS_SHOWN), attested: options.attest === true, outcome: decided?.outcome ?? null, author: decided?.author ?? null })
    else {
      print(verdict === 'sound' ? `${good('sound')}: document, definition, persons, consents, rows, figures and overlaps` : `${bad(verdict)}: broken rule: ${rule}`)
      if (decided !== undefined) print(decided.outcome === 'accepted' ? 'accepted: more than two thirds of the members found it sound' : `refused: its author, member ${decided.author}, is named on the ledger`)
    }
    if (verdict !== 'sound') process.exitCode = EXIT.verificationFailed
  } finally {
    await desk.close()
  }
}

/** `stele dataset challenge`. */
export async function challenge(id: Uint8Array, options: DeskOptions): Promise<void> {
  const desk = await openDesk(options)
  await challengeRelease(desk.client, id).finally(() => desk.close())
  if (options.json === true) printJson({ release: toHex(id), member: desk.member })
  else print(`challenged; ask the author for: stele dataset open ${toHex(id)} --member ${desk.member} --rows … --out openings.json`)
}
