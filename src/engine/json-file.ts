import { readFileSync } from 'node:fs'
import { InputError } from './input-error.ts'

/** @throws InputError unless `file` holds one JSON object. */
export function readJsonObject(file: string): Record<string, unknown> {
  return parseObject(file, text => JSON.parse(text))
}

/**
 * As `readJsonObject`, for writing it again: numbers keep their spelling (10000.0 stays a float, which Python
 * readers tell from an integer). They are opaque to everything but JSON.stringify.
 */
export function readJsonObjectVerbatim(file: string): Record<string, unknown> {
  return parseObject(file, text => (JSON.parse as ParseWithSource)(text, (_, value, { source }) => (typeof value === 'number' && source !== undefined ? rawJson(source) : value)))
}

/** ES2026, in Node since 21; not yet in TypeScript's library. */
type ParseWithSource = (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown) => unknown
const rawJson = (JSON as unknown as { rawJSON(source: string): unknown }).rawJSON

function parseObject(file: string, parse: (text: string) => unknown): Record<string, unknown> {
  let value: unknown
  try {
    value = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new InputError(`expected JSON in ${file}: ${(error as Error).message.split('\n')[0]}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InputError(`expected a JSON object in ${file}, got ${Array.isArray(value) ? 'a list' : String(value)}`)
  return value as Record<string, unknown>
}
