/** What the recipe verbs do. */
import { resolve } from 'node:path'
import { PRESET_NAMES, type PresetName, RECIPE_PRESETS } from '../backend/recipe-presets.ts'
import { writeLines } from '../backend/write-lines.ts'
import { UsageError } from '../shared/errors.ts'
import type { RecipeOptions } from './recipe-verbs.ts'

export async function writePreset(name: string, options: RecipeOptions): Promise<void> {
  if (!isPreset(name)) throw new UsageError(`recipe preset: expected ${PRESET_NAMES.join(', ')}, got "${name}"`)
  await give(RECIPE_PRESETS[name], {}, options)
}

const isPreset = (name: string): name is PresetName => Object.hasOwn(RECIPE_PRESETS, name)

/** The text to a file or stdout; with --json one object that also holds what is `told`. */
async function give(text: string, told: Record<string, unknown>, { output, json }: RecipeOptions): Promise<void> {
  if (output !== undefined) await writeLines(output, [text])
  if (json) console.log(JSON.stringify({ ...(output === undefined ? { text } : { path: resolve(output) }), ...told }))
  else if (output === undefined) process.stdout.write(text)
  else console.log(resolve(output))
}
