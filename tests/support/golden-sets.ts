/** Reference models with what PyTorch and TRL computed on them: the project's own, and the shared ones where they are. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type GoldenSet = { name: string; folder: string; read: (file: string) => unknown; readLines: (file: string) => unknown[] }

const root = join(import.meta.dirname, '..', '..')
const shared = join(process.env['DRIFT_SHARED'] ?? join(root, '..', 'shared'), 'golden')

/** Never empty: the project's own fixtures are committed. */
export function goldenSets(): GoldenSet[] {
  if (!existsSync(shared)) console.warn(`reference data: none in ${shared} (DRIFT_SHARED names it), only the project's own fixtures are used`)
  return [join(root, 'tests', 'reference', 'golden'), shared].filter(folder => existsSync(folder)).flatMap(listSets)
}

function listSets(folder: string): GoldenSet[] {
  const names = readdirSync(folder).sort().filter(name => existsSync(join(folder, name, 'golden')))
  return names.map(name => {
    const text = (file: string) => readFileSync(join(folder, name, 'golden', file), 'utf8')
    return { name, folder: join(folder, name), read: file => JSON.parse(text(file)), readLines: file => text(file).trim().split('\n').map(line => JSON.parse(line) as unknown) }
  })
}
