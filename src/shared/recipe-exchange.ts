/** Recipes of other trainers, read and written. */
import type { RecipeCheck } from './contract.ts'

export const FOREIGN_FORMATS = ['trl', 'alignment-handbook', 'llama-factory'] as const
export type ForeignFormat = (typeof FOREIGN_FORMATS)[number]
export const FORMAT_NAMES: Record<ForeignFormat, string> = { trl: 'TRL', 'alignment-handbook': 'alignment-handbook', 'llama-factory': 'LLaMA-Factory' }

/** A key without counterpart on the other side. */
export type LeftKey = { key: string; note: string }

export type ImportedRecipe = {
  format: ForeignFormat
  yaml: string
  translated: RecipeCheck['translated']
  left: LeftKey[]
  /** What the recipe still needs. */
  issues: RecipeCheck['issues']
}
