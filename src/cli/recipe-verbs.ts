/** `drift recipe preset`, `import` and `export`. Declared here, done in ./recipes.ts, which loads the backend. */
import type { Command } from 'commander'

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
}
