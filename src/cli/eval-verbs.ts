/** `drift eval alpacaeval` and `drift eval wildbench`. Declared here, done in ./evals.ts. */
import { InvalidArgumentError, Option, type Command } from 'commander'

export type AlpacaOptions = { annotations: string; outputs?: string; difficulty?: string; gamed?: string; instructions?: string; match: 'instruction' | 'position'; c?: number; json?: true }
export type WildBenchOptions = { scores?: string; pairwise?: string; reference?: string; tags?: string; k: number; json?: true }

export function registerEvalVerbs(program: Command): void {
  const evaluate = program.command('eval').description('judged evaluations: AlpacaEval 2 and WildBench')
  evaluate
    .command('alpacaeval')
    .description('win rates of AlpacaEval 2, plain and length-controlled, in percent')
    .requiredOption('--annotations <file>', "the judge's file")
    .option('--outputs <file>', "the model's answers, for avg_length")
    .option('--difficulty <file>', 'instruction_difficulty.csv; without it the length-controlled rate is null')
    .option('--gamed <file>', 'df_gamed.csv, the regularisation rows of the fit')
    .option('--instructions <file>', 'outputs of any model that has all instructions, where the annotations lack some')
    .addOption(new Option('--match <how>', 'look the difficulty up by instruction, or by row number as published values of files with missing rows were').choices(['instruction', 'position']).default('instruction'))
    .option('--c <value>', 'regularisation strength (default: by cross-validation)', positive)
    .option('--json', 'one JSON object on stdout')
    .action(async (options: AlpacaOptions) => (await import('./evals.ts')).runAlpacaEval(options))
  evaluate
    .command('wildbench')
    .description('WB-Score from scores, or WB-Reward from comparisons with a reference')
    .option('--scores <file>', "the judge's scores")
    .option('--pairwise <file>', "the judge's comparisons")
    .option('--reference <name>', 'name contained in the id of the reference model')
    .option('--tags <file>', 'task tags; without them the task figures are null')
    .option('--k <characters>', 'length margin of WB-Reward; -1 switches it off', margin, 500)
    .option('--json', 'one JSON object on stdout')
    .action(async (options: WildBenchOptions) => (await import('./evals.ts')).runWildBench(options))
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError(`expected a number above 0, got ${text}.`)
  return value
}

function margin(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < -1) throw new InvalidArgumentError(`expected a whole number of characters, or -1, got ${text}.`)
  return value
}
