/** `drift capsule save` and `open`. Declared here, done in ./capsules.ts, which loads the backend. */
import type { Command } from 'commander'

export type SaveOptions = { workspace: string; output: string; withModels?: true; json?: true }
export type OpenOptions = { json?: true }

export function registerCapsuleVerbs(program: Command): void {
  const capsule = program.command('capsule').description('runs with all they need in one file that opens anywhere, read-only')
  capsule
    .command('save')
    .description('configuration, data with hashes, metrics, samples, evaluations, judge replies and report of some runs')
    .argument('<run-or-group...>', 'ids of runs, names of groups')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .requiredOption('--output <file>', '.drift file to write')
    .option('--with-models', 'also the weights: bases inside the workspace and every policy the runs trained')
    .option('--json', 'one JSON object on stdout')
    .action(async (of: string[], options: SaveOptions) => (await import('./capsules.ts')).saveCapsuleVerb(of, options))
  capsule
    .command('open')
    .description('verify every hash of a capsule, unpack it, and open the workbench on it; with --json only say where it lies')
    .argument('<file>', '.drift file')
    .option('--json', 'one JSON object on stdout instead of the workbench')
    .action(async (file: string, options: OpenOptions) => (await import('./capsules.ts')).openCapsuleVerb(file, options))
}
