/** Codes of the anonymization kernel. It runs off the path of blocks (DESIGN §5.10), so it throws; `details` name row, column and rule, never the content of a cell. */
export const ANONYMIZATION_ERRORS = {
  ANONYMIZATION_TABLE_EMPTY: 'the table has no rows or no columns; check that the file was read with the right separator',
  ANONYMIZATION_COLUMN_MISSING: 'the definition or policy names a column that is not there or has no fitting role; correct the name or the role',
  ANONYMIZATION_COLUMN_DUPLICATE: 'a column name occurs twice; rename one',
  ANONYMIZATION_COLUMN_UNDEFINED: 'a column of the table has no role; give it one, so that nothing is published by oversight',
  ANONYMIZATION_ROW_RAGGED: 'a row has more or fewer cells than there are columns; correct that row',
  ANONYMIZATION_LIMIT: 'the table is larger than this build takes (columns, rows, length of a cell, distinct values); the details name which',
  ANONYMIZATION_ROLE_UNKNOWN: 'a role is none of identifier, quasi-identifier, sensitive, insensitive; correct it',
  ANONYMIZATION_TYPE_UNKNOWN: 'a type is none of categorical, integer, decimal, date; correct it',
  ANONYMIZATION_CELL_MISSING: 'a cell is empty or holds a marker for "unknown"; fill it, or choose to drop incomplete rows (`--missing drop-row`)',
  ANONYMIZATION_CELL_TYPE: 'a cell does not have the type of its column (mixed types); correct the cell or declare the column categorical',
  ANONYMIZATION_PERSON_DUPLICATE: 'two rows name the same person, so a class of k rows could hold fewer than k people; merge them first',
  ANONYMIZATION_HIERARCHY_MALFORMED: 'a hierarchy has lines of different length, a leaf twice, or no levels; the details name line and rule',
  ANONYMIZATION_HIERARCHY_NOT_TREE: 'a label of a hierarchy has two different parents, or there is more than one root; correct the line named',
  ANONYMIZATION_HIERARCHY_UNCOVERED: 'a cell holds a value that its hierarchy does not cover; add the value to the hierarchy',
  ANONYMIZATION_HIERARCHY_ABSENT: 'the algorithm or the policy needs a hierarchy for this column; supply one or choose strict Mondrian',
  ANONYMIZATION_POLICY_INVALID: 'a bound of the policy is out of range, malformed or contradicts another; the details name the rule',
  ANONYMIZATION_K_ABOVE_ROWS: 'k is larger than the number of rows; no release can satisfy it. Take a smaller k, or more rows',
  ANONYMIZATION_UNSATISFIABLE: 'no recoding by this algorithm satisfies the policy, not even the coarsest; relax the bound named or allow suppression',
  ANONYMIZATION_ALGORITHM_UNKNOWN: 'the algorithm, its mode or its metric is not one of this build',
  ANONYMIZATION_SUBSET_INVALID: 'delta-presence needs one flag per row that marks the research subset, with at least one row in it',
  ANONYMIZATION_JOINT_CONTRADICTORY: 'totals of a joint release contradict each other: a contributor counted wrongly, or its mask did not cancel; start a new session',
  ANONYMIZATION_QUERY_INVALID: 'a question names a column, value, level or span that the data set does not have, or more cells than are answered; the details name rule and column',
  ANONYMIZATION_RELEASE_MALFORMED: 'what was handed in is not a release of this definition: columns, lengths or codes do not fit',
} as const

export type AnonymizationErrorCode = keyof typeof ANONYMIZATION_ERRORS

/** What a check finds wrong with a release. Findings are returned, not thrown: whoever checks wants all of them. */
export const RELEASE_FINDINGS = {
  RELEASE_SHAPE: 'columns, roles or lengths are not those of the definition, or an identifier is among them',
  RELEASE_VALUE: 'a generalised value is not one its column can have: outside its hierarchy, no range, or not in order',
  RELEASE_ORDER: 'classes or rows are not in canonical order, or two classes have equal values; rows were moved after the computation',
  RELEASE_K: 'a class is smaller than k',
  RELEASE_K_MAP: 'a class hides among fewer rows of the whole table than the policy asks',
  RELEASE_PRESENCE: 'the share of the subset in a class is out of the bounds of δ-presence',
  RELEASE_MODEL: 'a class breaks diversity, closeness or likeness of the policy',
  RELEASE_SUPPRESSION: 'more rows are suppressed than the policy allows',
  RELEASE_COUNT: 'the number of rows is not the one committed to, or counts of the original contradict the release',
  RELEASE_METRICS: 'loss, class counts or risk are not what the release itself gives',
  RELEASE_RISK: 'a risk is above the bound of the policy',
  RELEASE_STATISTICS: 'a published sum does not fit the rows or the ranges of its class',
  RELEASE_HASH: 'the bytes are not those that were attested',
} as const

export type ReleaseFindingCode = keyof typeof RELEASE_FINDINGS
