/** `drift recipe preset`, `import` and `export`. Declared here, done in ./recipes.ts, which loads the backend. */
import type { Command } from 'commander'
import { FOREIGN_FORMATS } from '../shared/recipe-exchange.ts'

export type RecipeOptions = { output?: string; json?: true }
export type RecipeExportOptions = RecipeOptions & { format: string }

const OUTPUT = ['--output <file>', 'file to write (default: stdout)'] as const
const JSON_OPTION = ['--json', 'one JSON object on stdout'] as const

export function registerRecipeVerbs(program: Command): void {
  const recipe = program.command('recipe').description('recipe files: presets, and those of other trainers')
  recipe
    .command('preset')
    .description('a recipe to begin from')
    .argument('<name>', 'paper-7b, paper-14b, small or built-in')
    .option(...OUTPUT)
    .option(...JSON_OPTION)
    .action(async (name: string, options: RecipeOptions) => (await import('./recipes.ts')).writePreset(name, options))
  recipe
    .command('import')
    .description('a recipe of recipe dpo from a file of another trainer; what was translated and what has no counterpart is said on stderr')
    .argument('<file>', 'YAML or JSON of TRL (DPOConfig), alignment-handbook or LLaMA-Factory')
    .option(...OUTPUT)
    .option(...JSON_OPTION)
    .action(async (file: string, options: RecipeOptions) => (await import('./recipes.ts')).importRecipeVerb(file, options))
  recipe
    .command('export')
    .description('the training of a recipe as a file of another trainer; what has no counterpart there stands in its head')
    .argument('<file>', 'YAML file')
    .requiredOption('--format <name>', FOREIGN_FORMATS.join(', '))
    .option(...OUTPUT)
    .option(...JSON_OPTION)
    .action(async (file: string, options: RecipeExportOptions) => (await import('./recipes.ts')).exportRecipeVerb(file, options))
}
