import { defineContract } from '../runtime/contract.ts'
import { ANONYMIZATION_CODES } from './codes.ts'
import { contribute, spend } from './aggregates.ts'
import { define, request } from './data-sets.ts'
import { attest, challenge } from './attesting.ts'
import { compare, overlap } from './registry.ts'
import { release, select } from './releasing.ts'

/** Data sets that point at no one: who defined them, who asked, whose persons were selected, what was released, and what every member found. */
export const anonymization = defineContract({ name: 'anonymization', version: 1, codes: ANONYMIZATION_CODES, calls: { define, request, select, release, challenge, overlap, compare, attest, contribute, spend } })
