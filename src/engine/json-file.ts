import { readFileSync } from 'node:fs'
import { InputError } from './input-error.ts'

/** @throws InputError unless `file` holds one JSON object. */
export function readJsonObject(file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new InputError(`expected JSON in ${file}: ${(error as Error).message.split('\n')[0]}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InputError(`expected a JSON object in ${file}, got ${Array.isArray(value) ? 'a list' : String(value)}`)
  return value as Record<string, unknown>
}
