/**
 * Looking at what may lie in a folder from elsewhere. A link that leads nowhere, or round in a circle, counts as
 * present: `existsSync` would call it absent, and a tokenizer_config.json that is merely absent changes results.
 */
import { closeSync, lstatSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { InputError } from './input-error.ts'

/** Whether the folder has this entry, of any kind. */
export function isPresent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/**
 * Opens a plain file for reading. Pipes and devices are refused before they are opened: opening could wait for ever.
 * @param what it is to be, for the error: "a safetensors file".
 * @throws InputError
 */
export function openPlainFile(path: string, what: string): number {
  statPlainFile(path, what)
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw unreadable(path, what, error)
  }
}

/** @throws InputError unless `path` is a plain file of at most `maxBytes` that can be read as UTF-8. */
export function readPlainText(path: string, what: string, maxBytes: number): string {
  const { size } = statPlainFile(path, what)
  if (size > maxBytes) throw new InputError(`expected ${what} of at most ${maxBytes} bytes, got ${size}: ${path}; is it another file under this name?`)
  const descriptor = openPlainFile(path, what)
  try {
    return readFileSync(descriptor, 'utf8')
  } catch (error) {
    throw unreadable(path, what, error)
  } finally {
    closeSync(descriptor)
  }
}

/** @throws InputError unless `path` is a folder that can be listed. Sorted. */
export function listFolder(path: string, what: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    throw unreadable(path, what, error)
  }
}

export function statPlainFile(path: string, what: string): Stats {
  let stats: Stats
  try {
    stats = statSync(path)
  } catch (error) {
    throw unreadable(path, what, error)
  }
  if (!stats.isFile()) throw new InputError(`expected ${what}, got ${stats.isDirectory() ? 'a folder' : 'something that is no file'}: ${path}; put the file itself there`)
  return stats
}

const REASONS: Record<string, string> = {
  ELOOP: 'its links lead round in a circle; replace the link with the file',
  EACCES: 'it may not be read; change its permissions',
  ENOTDIR: 'a part of the path is a file; check the path',
}

function unreadable(path: string, what: string, error: unknown): InputError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  const reason = code === 'ENOENT' && isPresent(path) ? 'it is a link to a file that is not there; copy or download the folder again' : (REASONS[code] ?? 'check the path')
  return new InputError(`expected ${what}, could not read ${path} (${code}): ${reason}`)
}
