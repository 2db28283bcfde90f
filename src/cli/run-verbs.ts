/** `drift run`, `resume`, `stop` and `runs`. Declared here, done in ./runs.ts, which loads the backend. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { DEVICES, ENGINES } from '../engine/device.ts'
import type { Device, EngineName } from '../engine/device.ts'
import { positiveInteger } from './option-values.ts'

export type RunOptions = { workspace: string; name?: string; group?: string; detach?: true; json?: true }
export type ScriptOptions = { workspace: string; name?: string; machines: number; slurm?: true; json?: true }
export type ResumeOptions = WorkspaceOptions & { engine?: EngineName; device?: Device }
export type WorkspaceOptions = { workspace: string; json?: true }

export function registerRunVerbs(program: Command): void {
  program
    .command('run')
    .description('start a run from a recipe and wait for its end; Ctrl-C pauses it')
    .argument('<recipe>', 'YAML file')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .option('--name <name>', 'name of the run (default: method and seed)')
    .option('--group <name>', 'group of runs to compare')
    .option('--detach', 'do not wait: the run goes on by itself')
    .option('--json', 'one JSON object on stdout when it has ended')
    .action(async (recipe: string, options: RunOptions) => (await import('./runs.ts')).runRecipe(recipe, options))
  program
    .command('run-script')
    .description('a shell script that starts the run where it lies, and continues it when started again')
    .argument('<recipe>', 'YAML file')
    .requiredOption('--workspace <dir>', 'folder of the workspace, as the machine that runs the script sees it')
    .option('--name <name>', 'name of the run, by which it is found again (default: the file\'s)')
    .option('--machines <count>', 'that share the processes of torch.num_processes; what they read must lie on a disk that all of them see', positiveInteger, 1)
    .option('--slurm', 'with the lines that sbatch reads')
    .option('--json', 'one JSON object {script} on stdout')
    .action(async (recipe: string, options: ScriptOptions) => (await import('./runs.ts')).writeRunScript(recipe, options))
  program
    .command('resume')
    .description('continue a paused, interrupted, failed or cancelled run where it was')
    .argument('<run>', 'id of the run')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .addOption(new Option('--engine <name>', 'go on with this engine as it is here now, though finished stages were computed with another (or another version)').choices(ENGINES))
    .addOption(new Option('--device <name>', 'with --engine: what it computes on (default: what the run computed on)').choices(DEVICES))
    .option('--json', 'one JSON object on stdout when it has ended')
    .action(async (run: string, options: ResumeOptions) => (await import('./runs.ts')).resumeRun(run, options))
  program
    .command('stop')
    .description('pause a run, whichever process works on it, after its present unit of work')
    .argument('<run>', 'id of the run')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .option('--json', 'one JSON object on stdout')
    .action(async (run: string, options: WorkspaceOptions) => (await import('./runs.ts')).stopRun(run, options))
  program
    .command('runs')
    .description('the runs of a workspace, newest first')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: WorkspaceOptions) => (await import('./runs.ts')).listRunsVerb(options))
}
