/** The base model that ships with the app, and the seed it was built from. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const SHIPPED_BASE = fileURLToPath(new URL('../../../resources/base-model', import.meta.url))

export function baseSeed(): number {
  const probe: unknown = JSON.parse(readFileSync(join(SHIPPED_BASE, 'PROBE.json'), 'utf8'))
  if (typeof probe === 'object' && probe !== null && 'seed' in probe && typeof probe.seed === 'number') return probe.seed
  throw new Error(`${SHIPPED_BASE}/PROBE.json: expected a number "seed", found none. Build the base again with \`npm run build:base-model\`.`)
}
