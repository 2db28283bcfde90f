/**
 * What is derived from a workspace's rows, in a file beside them: reading them all again takes longer than a reader
 * waits. A mark says what the rows were; under another mark the file counts for nothing. It may be deleted at any time.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from './write-lines.ts'

/** @returns null where there is no such file, or it was made from other rows. */
export function readKept<Value>(file: string, mark: string): Value | null {
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { mark: string; value: Value }
    return kept.mark === mark ? kept.value : null
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

export const keep = (file: string, mark: string, value: unknown): void => writeWhole(file, JSON.stringify({ mark, value }))

/** Of a folder of such files all but the newest go. */
export function forgetOldest(folder: string, kept: number): void {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => join(folder, name))
  const byAge = files.map((file) => ({ file, at: statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 })).sort((a, b) => b.at - a.at)
  for (const { file } of byAge.slice(kept)) rmSync(file, { force: true })
}
