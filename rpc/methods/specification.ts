import { Type } from 'typebox'
import { defineMethod } from '../registry.ts'
import type { AnyMethod } from '../registry.ts'

/*
 * The methods that the examples of the JSON-RPC 2.0 specification (§7) call, so that a running node can be checked against them word by
 * word. Pure; served only with the option `specificationExamples`.
 */
const numbers = { values: Type.Array(Type.Number(), { maxItems: 1000 }) }
const common = { errors: [], access: 'public', rateClass: 'read' } as const

const subtract = defineMethod({
  ...common, name: 'subtract', summary: 'Minuend less subtrahend (example of the specification).',
  params: { minuend: Type.Number(), subtrahend: Type.Number() }, result: Type.Number(),
  examples: [{ name: 'by name', params: { minuend: 42, subtrahend: 23 }, result: 19 }],
  handle: (_ports, { minuend, subtrahend }) => minuend - subtrahend,
})
const sum = defineMethod({
  ...common, name: 'sum', summary: 'Adds all parameters (example of the specification).', params: numbers, rest: 'values', result: Type.Number(),
  examples: [{ name: 'three', params: { values: [1, 2, 4] }, result: 7 }],
  handle: (_ports, { values }) => values.reduce((total, each) => total + each, 0),
})
const getData = defineMethod({
  ...common, name: 'get_data', summary: 'Gives a fixed list (example of the specification).', params: {}, result: Type.Array(Type.Union([Type.String(), Type.Number()])),
  examples: [{ name: 'list', params: {}, result: ['hello', 5] }],
  handle: () => ['hello', 5],
})
const notification = (name: string) => defineMethod({
  ...common, name, summary: 'Takes numbers and does nothing (example of the specification).', params: numbers, rest: 'values', result: Type.Null(),
  examples: [{ name: 'numbers', params: { values: [7] }, result: null }],
  handle: () => null,
})

export const specificationMethods: readonly AnyMethod[] = [subtract, sum, getData, notification('update'), notification('notify_hello'), notification('notify_sum')]
