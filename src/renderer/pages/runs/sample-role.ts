/** What a sample will be in its pair. */
export function sampleRole(method: string): string {
  if (method === 'drift' || method.startsWith('drift-')) return 'new reply, chosen'
  if (method === 'spin') return 'the policy’s own reply, rejected'
  return 'the policy’s reply, to be ranked'
}
