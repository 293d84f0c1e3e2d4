import { numberOf } from '../../rpc/error-map.ts'
import { readCodeTables } from './tables.ts'
import type { CodeTable } from './tables.ts'

/** What a group of codes is, by the file its table stands in. A table without an entry here is shown under its path alone. */
const MEANING: Readonly<Record<string, string>> = {
  'AUTHORISATION_CODES': 'The transaction may not stand in a block. At the door: refused, not final, another node or a later try may take it. A block that holds one is refused as a whole.',
  'RUNTIME_CODES': 'In receipts: `OK`, or the transaction is in a block and had no effect.',
  'BLOCK_CODES': 'A follower refuses a whole block for these.',
  'DENY_REASONS': 'Why a decision was a denial. For explanation and re-checks inside a node; no receipt, event or answer to the requester carries it.',
  'GONE_CODES': 'Why a permit no longer releases a key. The custodian logs it.',
  'IDENTITY_CODES': 'Agreed results of the contract `identity`, in receipts.',
  'CONSENT_CODES': 'Agreed results of the contract `consent`, in receipts.',
  'RECORDS_CODES': 'Agreed results of the contract `records`, in receipts.',
  'ANONYMIZATION_CODES': 'Agreed results of the contract `anonymization`, in receipts. A denied request is not among them: it is a decision, and its receipt says `OK`.',
  'ACCESS_CODES': 'Agreed results of the contract `access`, in receipts. A denial is not among them: it is a decision, and its receipt says `OK` like a permit\'s.',
  'AGREEMENT_REFUSALS': 'Only in logs.',
  'VERIFY_ERRORS': 'The first group is thrown, the second stands in the findings of `stele verify`.',
}

const INTRODUCTION = `# Error codes

<!-- Made by \`node docs/generate.ts\` from the tables of codes in the sources. Do not edit. -->

Every error has a **code** to match on, a constant text, and details that name field, rule and values. Match on the code, never on the text or the number.
Codes are never reused for another meaning. A test compares this page with the sources, and the tables with what is thrown, in both directions.

- **In a JSON-RPC answer** the code stands in \`error.data.code\`; the number groups codes as the specification, EIP-1474 and EIP-1193 do. A code without a number
  never reaches a caller: the caller gets \`RPC_INTERNAL\` and a trace id, the node's log has the rest.
- **In a receipt** a code is an agreed result: every node computed the same one, and it can be proved. \`OK\` took effect; any other code had no effect.
- **On the command line** the line \`stele: CODE: text (details)\` goes to stderr. Exit codes: 0 ok, 1 failure, 2 usage, 3 not ready or no quorum, 4 verification failed.
- A **timeout is "unknown"**, never "failed". The same bytes again give the same answer.
`

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function renderTable({ path, name, codes }: CodeTable, anchored: Set<string>): string {
  const rows = Object.entries(codes).map(([code, text]) => {
    const anchor = anchored.has(code) ? '' : `<a id="${code.toLowerCase()}"></a>`
    anchored.add(code)
    return `| ${anchor}\`${code}\` | ${numberOf(code) ?? '–'} | ${cell(text)} |`
  })
  const meaning = MEANING[name]
  return [`\n## ${name} (${path})\n`, ...(meaning === undefined ? [] : [`${meaning}\n`]), '| code | JSON-RPC | meaning; what to do |', '|---|---|---|', ...rows, ''].join('\n')
}

/** docs/errors.md. The same tables give the same text. */
export async function renderErrors(): Promise<string> {
  const anchored = new Set<string>()
  const tables = await readCodeTables()
  return INTRODUCTION + tables.map((table) => renderTable(table, anchored)).join('')
}
