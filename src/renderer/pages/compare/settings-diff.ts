/** Recipe keys whose values are not the same everywhere. */
import { parse } from 'yaml'
import { flattenSettings } from '../../../core/flat-settings.ts'

export type KeyLine = { key: string; values: string[] }

/** Keys flattened with dots, in order of first appearance. null while a recipe is not here yet. `–` where a recipe leaves a key out. */
export function differingKeys(recipes: readonly (string | null)[]): KeyLine[] | null {
  if (recipes.some((recipe) => recipe === null)) return null
  const flat = recipes.map((recipe) => new Map(flattenSettings(parse(recipe ?? '') as unknown)))
  const keys = new Set(flat.flatMap((one) => [...one.keys()]))
  return [...keys].map((key) => ({ key, values: flat.map((one) => one.get(key) ?? '–') })).filter(({ values }) => new Set(values).size > 1)
}
