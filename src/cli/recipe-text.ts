import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { UsageError } from '../shared/errors.ts'

/** The text of a recipe named on the command line. */
export function readRecipeFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`recipe: expected a YAML file, could not read ${resolve(file)} (${(error as NodeJS.ErrnoException).code ?? String(error)}). \`drift recipe preset\` and \`drift demo --prepare\` write some`)
  }
}
