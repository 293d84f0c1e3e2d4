/** Codes of repair mode. docs/errors.md is generated from these tables. */
export const REPAIR_ERRORS = {
  NODE_REPAIR: 'The node found damage in what it stores and serves nothing until it has fetched intact copies. Ask another node; watch `/readyz` of this one.',
  REPAIR_COPY_REFUSED: 'Another member offered an entry that is not the lost one, or cannot prove it. The next member is asked; if it happens often, look at that member.',
} as const

export type RepairErrorCode = keyof typeof REPAIR_ERRORS
