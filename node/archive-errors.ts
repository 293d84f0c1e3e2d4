/** Codes of archives: what each means and what to do next. */
export const ARCHIVE_ERRORS = {
  ARCHIVE_UNREADABLE: 'The file cannot be read; details name the path and the reason (ENOENT: there is none of that name; EACCES: not for this user; EISDIR: it is a folder).',
  ARCHIVE_INVALID: 'The archive breaks a rule, which the details name with the height. Do not trust it; export it again from a member.',
  ARCHIVE_VERSION_UNSUPPORTED: 'The archive was made in a format that this program does not know. Use the program that made it.',
  ARCHIVE_WRONG_CHAIN: 'The archive belongs to another chain. Check which genesis file was given.',
  ARCHIVE_UNFINISHED: 'The archive has no end, or a record in it is damaged; details name the height from which on it says nothing. Copy it again; if its export was interrupted, run the same export again, it goes on where it was.',
  ARCHIVE_RANGE_INVALID: 'The range of heights is not one that this folder holds and that is final; the details name what it holds.',
  ARCHIVE_EXISTS: 'There is a file of this name already. Choose another name, or delete it.',
} as const

export type ArchiveErrorCode = keyof typeof ARCHIVE_ERRORS
