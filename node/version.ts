/** Version of this software; wire and storage formats carry their own. */
export const STELE_VERSION = '0.1.0'
