/** Folders as the files in them that can be imported: shards, and data set folders as Hugging Face lays them out. */
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { holdsRows, isHidden, noRowsIn } from '../../core/import/file-endings.ts'
import { UsageError } from '../../shared/errors.ts'

const NATURAL = new Intl.Collator('en', { numeric: true })

/**
 * Absolute paths in the order given, folders replaced by their files in natural order (shard 2 before shard 10).
 * Links are followed, also to folders; a file that two names lead to comes once. Files that are not there stay.
 */
export function findFiles(paths: readonly string[]): string[] {
  const seen = new Set<string>()
  const files = paths.flatMap((given) => {
    const path = resolve(given)
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path]
    const found = filesBelow(path, seen)
    if (found.length === 0) throw new UsageError(noRowsIn(path, holdsArrow(path)))
    return found
  })
  return [...new Set(files)]
}

function filesBelow(folder: string, seen: Set<string>): string[] {
  const real = realpathSync(folder)
  if (seen.has(real)) return []
  seen.add(real)
  const names = readdirSync(folder).filter((name) => !isHidden(name)).sort(NATURAL.compare)
  return names.flatMap((name) => {
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true) return filesBelow(path, seen)
    if (found?.isFile() !== true || !holdsRows(name)) return []
    const target = realpathSync(path)
    if (seen.has(target)) return []
    seen.add(target)
    return [path]
  })
}

const holdsArrow = (folder: string): boolean => readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith('.arrow'))
