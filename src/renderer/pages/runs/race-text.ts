/** A race's file as the form reads and writes it. */
import { parse, stringify } from 'yaml'
import type { RaceFile, Setting } from '../../../shared/race.ts'

type Draft = { [Key in keyof RaceFile]?: RaceFile[Key] }

/** Null where the text is no map. */
export function readDraft(text: string): Draft | null {
  try {
    const value: unknown = parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Draft) : null
  } catch {
    return null
  }
}

/** A value on one line, as `readValue` reads it. */
export const writeValue = (value: unknown): string => stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()

/** Short lists on their lines, as one writes them by hand. */
export function writeDraft(draft: Draft): string {
  const { name, regime, tokens, declared, seeds, members, sweep } = draft
  return [
    `name: ${writeValue(name ?? '')}`,
    `regime: ${regime ?? 'equal-pairs'}`,
    ...(tokens === undefined ? [] : [`tokens: ${writeValue(tokens)}`]),
    `declared: ${writeValue(declared ?? null)}`,
    `seeds: ${writeValue(seeds ?? [])}`,
    ...(sweep === undefined ? [] : ['sweep:', ...Object.entries(sweep).flatMap(([key, value]) => (key === 'grid' && isGrid(value) ? ['  grid:', ...Object.entries(value).map(([name, values]) => `    ${writeValue(name)}: ${writeValue(values)}`)] : [`  ${writeValue(key)}: ${writeValue(value)}`]))]),
    'members:',
    ...(members ?? []).map(({ set = {}, ...member }) => stringify([{ ...member, ...(Object.keys(set).length > 0 ? { set } : {}) }], { lineWidth: 0 }).trimEnd().split('\n').map((line) => `  ${line}`).join('\n')),
    '',
  ].join('\n')
}

const isGrid = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0

/** `1e-4, 3e-4` as YAML reads them; null where that is no list of values. */
export function readValues(text: string): Setting[string][] | null {
  try {
    const values: unknown = parse(`[${text}]`)
    return Array.isArray(values) && values.length > 0 ? (values as Setting[string][]) : null
  } catch {
    return null
  }
}

/** `1e-5` as YAML reads it; undefined where that is no value, or none is there. */
export function readValue(text: string): Setting[string] | undefined {
  try {
    return text.trim() === '' ? undefined : (parse(text) as Setting[string])
  } catch {
    return undefined
  }
}

/** As `readValues` reads them. */
export const writeValues = (values: readonly unknown[]): string => writeValue(values).slice(1, -1).trim()

/** `1-6, 9` is 1 to 6 and 9; null where it says something else. */
export function readSeeds(text: string): number[] | null {
  const seeds: number[] = []
  for (const part of text.split(/[\s,]+/).filter(Boolean)) {
    const match = /^(\d+)(?:[-–](\d+))?$/.exec(part)
    if (!match) return null
    const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])]
    if (to < from || to - from >= 100) return null
    for (let seed = from; seed <= to; seed++) seeds.push(seed)
  }
  return seeds.length > 0 ? seeds : null
}

/** As `readSeeds` reads it. */
export function writeSeeds(seeds: readonly number[]): string {
  const parts: string[] = []
  for (let i = 0; i < seeds.length; ) {
    let end = i
    while (seeds[end + 1] === seeds[end]! + 1) end++
    parts.push(end > i + 1 ? `${seeds[i]}-${seeds[end]}` : seeds.slice(i, end + 1).join(', '))
    i = end + 1
  }
  return parts.join(', ')
}
