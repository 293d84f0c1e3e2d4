export const ACCESS_CODES = {
  SECTIONS_UNORDERED: 'the section numbers must be strictly ascending',
} as const
