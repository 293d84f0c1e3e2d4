export const CONSENT_CODES = {
  CALLER_NOT_PATIENT: 'only a patient\'s own account writes consents, whatever an institution holds or signs',
  GRANTEE_UNKNOWN: 'the grantee is neither an existing account nor a member',
  GRANTEE_CHANGED: 'amending keeps the grantee; grant to the new one and revoke the old consent',
  PERIOD_INVALID: 'the period must start before it ends, and end after block time',
  CONSENT_TOO_MANY: 'this grantee already has as many live consents of the patient as it may; revoke or amend one',
  CONSENT_REVOKED: 'the consent was revoked; a revoked consent never comes alive again',
  CONSENT_UNKNOWN: 'the caller has granted no consent of this id',
  CONSENT_VERSION_STALE: 'another version is in force than the one the amendment replaces; read it again',
  SEQ_TOO_LOW: 'seq must be above the last one used by the account\'s consent and key writes',
  SEQ_TOO_HIGH: 'seq is more than 65,536 above the last one',
} as const
