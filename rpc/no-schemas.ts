import { SteleError } from '../primitives/error.ts'

const unused = () => (): never => {
  throw new SteleError({ code: 'INVARIANT_BROKEN', message: 'no route has a schema for Fastify: parameters are checked by the registry of methods' })
}

/** Fastify loads its validator and its serializer, a hundred modules and some MiB for good, also where no route has a schema. Ours have none. */
export const NO_SCHEMAS = { compilersFactory: { buildValidator: unused, buildSerializer: unused } }
