/** Version of this software; wire and storage formats carry their own. */
export const STELE_VERSION = '0.1.0'
export const VERSIONS: { readonly software: string; readonly rpc: number; readonly wire: number; readonly storage: number } = { software: STELE_VERSION, rpc: 1, wire: 1, storage: 1 }
