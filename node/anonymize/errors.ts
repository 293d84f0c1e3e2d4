/** Codes of the tools for tables: what each means and what to do next. */
export const STEWARD_ERRORS = {
  TABLE_UNREADABLE: 'A file cannot be read or written; details name the path and the reason (ENOENT: there is none of that name; EACCES: not for this user). Correct the path or the rights.',
  TABLE_HEADER: 'The first line names the columns and one of the names is empty, there twice, or was asked for and is not there; details name column and rule. A file without a header takes --columns NAME,NAME,….',
  DEFINITION_INVALID: 'A definition or mapping is no YAML or JSON of the expected form; details name file, member and rule.',
  TABLE_CHANGED: 'The original was changed while it was worked on; the release was not written. Run it again when nobody writes to the file.',
  RELEASE_UNSOUND: 'The file does not hold what its definition and manifest promise; the findings name class, row, column and rule. Do not publish it.',
  DATASET_NOT_FOUND: 'The ledger knows no such request or release, or it is not final yet. Compare the id, or wait and try again.',
  DATASET_DIFFERS: 'A file in hand is of another data set, request or version than the ledger names. Ask its author for the right one.',
  DATASET_FILE_MISSING: 'Comparing releases of the same persons needs a file that is not in hand; details name the release, the file and whose it is. Ask for it and name it on the command line.',
  DATASET_PERSON_TWICE: 'A person has two rows in a table behind aggregates and would change two cells; details name the row. Merge them first.',
  AGGREGATE_SHARE_MISSING: 'Institutions have not answered a paid question yet; details name them. Ask them to run stele dataset answer, then try again.',
  DATASET_CONSENT_ENDED: 'Somebody withdrew after being selected. Nothing was released: ask again, and let the contributors select anew.',
  DATASET_EVIDENCE_ABSENT: 'The mode of the data set makes members look at more than the document: rows, opened rows, or a joint result of their own; details name what is wanted. No verdict was given.',
  JOINT_SILENT: 'Another contributor did not answer in time; details name it. Nothing was released. Let every contributor run `stele dataset joint` again: it goes on with fresh masks.',
  JOINT_FORGED: 'A message of a joint release is not signed by the contributor it claims, or says what no honest one says; details name the contributor. Nothing was released.',
  JOINT_DIVERGED: 'Contributors saw different totals: one told different things to different others, or counted other rows than it selected. Nothing was released; start again, and if it recurs, leave it out of the next request.',
  JOINT_SPENT: 'This contributor has used up its messages for the request, by too many fresh starts; ask for a new request.',
} as const
