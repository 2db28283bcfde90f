/** `drift demo` and `drift compare`. Declared here, done in ./demo-runs.ts, which loads the backend. */
import { type Command, Option } from 'commander'
import { integer } from './option-values.ts'

export type DemoOptions = { workspace?: string; prepare?: true; quick?: true; seed: number; seeds?: number; json?: true }
export type CompareOptions = { workspace: string; group?: string; report?: string; json?: true }

export function registerDemoVerbs(program: Command): void {
  program
    .command('demo')
    .description('run the built-in experiment: DRIFT, iterative DPO and SPIN on logs of simulated users')
    .option('--workspace <folder>', 'where logs, datasets, models and runs go (default: a folder below DRIFT Workbench in your home)')
    .option('--quick', 'one seed, two rounds, smaller logs (about a minute)')
    .option('--seed <n>', 'first seed of logs, sampling and data order', integer, 1)
    .addOption(new Option('--seeds <n>', 'how many seeds (default: 6, with --quick 1)').argParser(integer))
    .option('--prepare', 'only make the workspace: logs imported, datasets, base model, recipes')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: DemoOptions) => (await import('./demo-runs.ts')).runDemo(options))
  program
    .command('compare')
    .description('compare runs: scores with intervals, paired differences, what limits them')
    .argument('[run...]', 'ids of runs')
    .requiredOption('--workspace <folder>', 'the workspace')
    .option('--group <name>', 'all runs of a group')
    .option('--report <file>', 'also write an offline HTML report')
    .option('--json', 'one JSON object on stdout')
    .action(async (runs: string[], options: CompareOptions) => (await import('./demo-runs.ts')).runCompare(runs, options))
}
