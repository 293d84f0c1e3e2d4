import { consistency, fresh, FRESHNESS_ERRORS } from '../consistency.ts'
import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF, SAMPLE_TIME_MS } from '../samples.ts'
import { accountId, auth } from '../schema.ts'
import { account, members } from '../shapes/identity.ts'
import { callerOf } from '../signed.ts'

export const identityAccount = defineMethod({
  name: 'identity_account',
  summary: 'Gives an account: its kind, keys and certified attributes.',
  params: { account: accountId, auth, consistency },
  result: account,
  errors: ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', ...FRESHNESS_ERRORS],
  examples: [{
    name: 'a clinician', params: { account: SAMPLE.clinician, auth: SAMPLE.auth },
    result: {
      id: SAMPLE.clinician, kind: 'clinician', member: 2, suspended: false, enrolledAt: 17, signKeys: [{ key: SAMPLE.key, from: 17 }], sealKeys: [{ key: SAMPLE.sealKey, from: 17 }],
      attributes: [{ attribute: 'role', value: 1, until: SAMPLE_TIME_MS }], asOf: SAMPLE_AS_OF,
    },
  }],
  access: 'signed',
  rateClass: 'read',
  handle: async (ports, params, context) => {
    await fresh(ports, params.consistency, context)
    return ports.identity.account(params.account, callerOf(context))
  },
})

export const identityMembers = defineMethod({
  name: 'identity_members',
  summary: 'Lists the member institutions with their nodes and public keys.',
  params: {},
  result: members,
  errors: [],
  examples: [{
    name: 'members', params: {},
    result: { items: [{ member: 1, name: 'hospital-a', account: SAMPLE.account, operatorKey: SAMPLE.key, nodes: [{ node: 1, attestationKey: SAMPLE.key, peer: null, voter: true }], sealKey: SAMPLE.sealKey, status: 'active', attributes: [] }], asOf: SAMPLE_AS_OF },
  }],
  access: 'public',
  rateClass: 'read',
  handle: (ports) => ports.identity.members(),
})
