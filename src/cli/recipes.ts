/** What the recipe verbs do. */
import { resolve } from 'node:path'
import { exportRecipe } from '../backend/recipe-export.ts'
import { parseRecipe, requireRecipe } from '../backend/recipe-file.ts'
import { importRecipe } from '../backend/recipe-import.ts'
import { PRESET_NAMES, type PresetName, RECIPE_PRESETS } from '../backend/recipe-presets.ts'
import { writeLines } from '../backend/write-lines.ts'
import { UsageError } from '../shared/errors.ts'
import { FOREIGN_FORMATS, type ForeignFormat } from '../shared/recipe-exchange.ts'
import { readRecipeFile } from './recipe-text.ts'
import type { RecipeExportOptions, RecipeOptions } from './recipe-verbs.ts'

export async function writePreset(name: string, options: RecipeOptions): Promise<void> {
  if (!isPreset(name)) throw new UsageError(`recipe preset: expected ${PRESET_NAMES.join(', ')}, got "${name}"`)
  await give(RECIPE_PRESETS[name], {}, options)
}

export async function importRecipeVerb(file: string, options: RecipeOptions): Promise<void> {
  const { yaml, ...told } = importRecipe(readRecipeFile(file))
  if (!options.json) {
    const lines = [
      `read as a file of ${told.format}`,
      ...told.translated.map(({ note }) => `translated: ${note}`),
      ...told.left.map(({ key, note }) => `left: ${key}: ${note}`),
      ...told.issues.map(({ path, message }) => `still to do: ${path}: ${message}`),
    ]
    process.stderr.write(`${lines.join('\n')}\n`)
  }
  await give(yaml, told, options)
}

export async function exportRecipeVerb(file: string, { format, ...options }: RecipeExportOptions): Promise<void> {
  if (!isForeign(format)) throw new UsageError(`recipe export: expected --format ${FOREIGN_FORMATS.join(', ')}, got "${format}"`)
  const { text, left } = exportRecipe(requireRecipe(parseRecipe(readRecipeFile(file))), format)
  await give(text, { left }, options)
}

const isForeign = (name: string): name is ForeignFormat => (FOREIGN_FORMATS as readonly string[]).includes(name)
const isPreset = (name: string): name is PresetName => Object.hasOwn(RECIPE_PRESETS, name)

/** The text to a file or stdout; with --json one object that also holds what is `told`. */
async function give(text: string, told: Record<string, unknown>, { output, json }: RecipeOptions): Promise<void> {
  if (output !== undefined) await writeLines(output, [text])
  if (json) console.log(JSON.stringify({ ...(output === undefined ? { text } : { path: resolve(output) }), ...told }))
  else if (output === undefined) process.stdout.write(text)
  else console.log(resolve(output))
}
