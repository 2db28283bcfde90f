import { expect, it } from 'vitest'
import { loggedRole, sampleRole } from './sample-role.ts'

it.each([
  ['drift', 'round-1/sample', 'new reply, chosen', 'rejected'],
  ['drift-unguided', 'round-1/sample', 'the policy’s own reply, chosen', 'rejected'],
  ['drift-own-rejected', 'round-1/sample', 'new reply, chosen', null],
  ['drift-own-rejected', 'run-7 round-1/sample-own', 'the policy’s own reply, rejected', null],
  ['drift-sft', 'round-2/sample', 'new reply, learned as it is', null],
  ['drift-frozen', 'round-0/sample', 'new reply, chosen in every round', 'rejected'],
  ['spin', 'round-1/sample', 'the policy’s own reply, rejected', null],
  ['iterative-dpo', 'round-1/sample', 'the policy’s reply, to be ranked', null],
  ['iterative-dpo-judge', 'round-1/sample', 'the policy’s reply, to be ranked', null],
])('%s, %s: the sample is "%s", the logged reply %s', (method, stage, sample, logged) => {
  expect([sampleRole(method, stage), loggedRole(method)]).toEqual([sample, logged])
})
