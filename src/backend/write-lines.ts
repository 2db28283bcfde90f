import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { UsageError } from '../shared/errors.ts'

/** Writes a short text, or bytes, to a file, whole or not at all, with the folders it needs; `mode` as chmod has it. */
export function writeWhole(file: string, text: string | Uint8Array, mode?: number): void {
  mkdirSync(dirname(file), { recursive: true })
  const draft = `${file}.${process.pid}.part`
  writeFileSync(draft, text, mode === undefined ? {} : { mode })
  renameSync(draft, file)
}

/** Writes text to a file, gzip where its name ends in .gz, whole or not at all. Returns the absolute path. */
export async function writeLines(path: string, lines: Iterable<string> | AsyncIterable<string>): Promise<string> {
  const file = resolve(path)
  const draft = `${file}.${process.pid}.part`
  try {
    mkdirSync(dirname(file), { recursive: true })
    const target = createWriteStream(draft)
    await (file.endsWith('.gz') ? pipeline(Readable.from(lines), createGzip(), target) : pipeline(Readable.from(lines), target))
    renameSync(draft, file)
    return file
  } catch (error) {
    if (existsSync(draft)) rmSync(draft)
    if (error instanceof Error && 'path' in error && String(error.path).startsWith(dirname(file))) throw new UsageError(`${file} cannot be written: ${error.message}. Name another file`, { cause: error })
    throw error
  }
}
