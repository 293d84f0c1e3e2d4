import { configSchema } from '../../node/config.ts'
import { custodianConfigSchema } from '../../node/custodian-config.ts'
import { DEFAULT_PARAMETERS } from '../../primitives/genesis.ts'

/** What a JSON schema of typebox looks like from outside. */
interface Schema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

const cell = (text: string): string => text.replaceAll('|', '\\|')
const number = (value: number): string => value.toLocaleString('en-US')

function valuesOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.type === 'array') return `list of ${schema.minItems ?? 0} to ${schema.maxItems ?? '…'} texts`
  if (schema.type === 'integer') return schema.minimum === undefined ? 'integer' : `integer, ${number(schema.minimum)} to ${number(schema.maximum ?? Number.MAX_SAFE_INTEGER)}`
  return schema.type === 'string' ? 'text' : String(schema.type)
}

function rowsOf(schema: Schema, prefix: string): string[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const name = `${prefix}${key}`
    if (inner.properties !== undefined) return rowsOf(inner, `${name}.`)
    const fallback = inner.default !== undefined ? `\`${JSON.stringify(inner.default)}\`` : required.has(key) ? 'required' : 'none'
    return [`| \`${name}\` | ${cell(valuesOf(inner))} | ${cell(fallback)} | ${cell(inner.description ?? '')} |`]
  })
}

const table = (schema: Schema): string => ['| key | value | default | meaning |', '|---|---|---|---|', ...rowsOf(schema, ''), ''].join('\n')

const PARAMETERS: Readonly<Record<keyof typeof DEFAULT_PARAMETERS, string>> = {
  blockBytesMax: 'bytes of a block',
  blockTransactionsMax: 'transactions of a block',
  blockCostMax: 'metered cost of a block, units of the cost table in contracts/runtime/cost.ts',
  futureToleranceMs: 'ms by which a block may be ahead of a member\'s clock and still be acknowledged',
  lifetimeMsMax: 'ms that `validUntil` may lie ahead',
  permitMsMax: 'ms after which a permit ends at the latest',
  replication: 'members whose vaults must hold a record before it can be registered (all, if there are fewer)',
  proofInterval: 'blocks between heights whose state proofs are kept; this version proves the newest height only',
  snapshotBlocks: 'a snapshot of the state is made at every multiple of this height; too small costs reading and writing the whole state often, too large makes a new node replay more',
  snapshotBytes: 'a snapshot is also made when this many bytes of blocks have come since the last one',
  policy: 'for each purpose, the certified roles that may ask and whether a licence is needed; a purpose that is not listed is denied',
}

function parameterRows(): string {
  const rows = Object.entries(PARAMETERS).map(([name, meaning]) => {
    const value = DEFAULT_PARAMETERS[name as keyof typeof DEFAULT_PARAMETERS]
    return `| \`${name}\` | ${typeof value === 'number' ? number(value) : 'below'} | ${meaning} |`
  })
  const policy = DEFAULT_PARAMETERS.policy.map(({ purpose, roles, licence }) => `| \`${purpose}\` | ${roles.join(', ')} | ${licence ? 'yes' : 'no'} |`)
  return ['| parameter | default | meaning |', '|---|---|---|', ...rows, '', 'Default policy:', '', '| purpose | roles | licence needed |', '|---|---|---|', ...policy, ''].join('\n')
}

/** docs/configuration.md, from the schemas that check the files. */
export function renderConfiguration(): string {
  return `# Configuration

<!-- Made by \`node docs/generate.ts\` from node/config.ts, node/custodian-config.ts and primitives/genesis.ts. Do not edit. -->

A node has one YAML file, a custodian another. Unknown keys are refused, with the line and the nearest key that exists. Paths are relative to the file.
What must be equal on all nodes is not an option here but a **chain parameter** in genesis.

A smallest file for a node:

\`\`\`yaml
version: 1
node: 1
genesis: ../genesis.json
dataDir: data
keystore: node.json
\`\`\`

## Node (\`stele start --config FILE\`)

${table(configSchema as Schema)}
## Custodian (\`stele custodian --config FILE\`)

${table(custodianConfigSchema as Schema)}
## Passphrases

A passphrase is never an argument of a command, since arguments are visible to every user of the machine. It is taken from the first of: \`passphraseFile\` in the
configuration, the variable \`STELE_PASSPHRASE\` (a file is better, since processes inherit the environment), a prompt in a terminal. Keystores are files of mode 0600;
others are refused.

## Chain parameters (genesis)

Equal on all nodes by construction: the chain id is the hash of the genesis file, so a node with other parameters is on another chain.

${parameterRows()}
## Variables of the environment

| variable | meaning |
|---|---|
| \`STELE_PASSPHRASE\` | the passphrase, when the configuration names no file |
| \`STELE_NODE_FLAGS\` | flags for Node.js itself, for diagnosis (such as \`--cpu-prof\`) |
| \`NO_COLOR\` | no colours on the command line |
`
}
