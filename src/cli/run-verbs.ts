/** `drift run`, `resume`, `stop` and `runs`. Declared here, done in ./runs.ts and ./run-files.ts, which load the backend. */
import { type Command, Option } from 'commander'
import { type Device, DEVICES, type EngineName, ENGINES } from '../engine/device.ts'
import { RUN_FORMATS, type RunFormat } from '../shared/run-table.ts'
import { positiveInteger } from './option-values.ts'

export type RunOptions = { workspace: string; name?: string; group?: string; detach?: true; json?: true }
export type RaceOptions = { workspace: string; check?: true; json?: true }
export type ScriptOptions = { workspace: string; name?: string; machines: number; slurm?: true; json?: true }
export type ResumeOptions = WorkspaceOptions & { engine?: EngineName; device?: Device }
export type ExportRunOptions = { workspace: string; format: RunFormat; output: string; json?: true }
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
    .command('race')
    .description('start a race: several recipes under the same seeds, what is compared declared before; Ctrl-C pauses it, the same command goes on')
    .argument('<race>', 'YAML file; recipes it names are looked for beside it, then in the workspace')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .option('--check', 'say what it would start and what is wrong, start nothing')
    .option('--json', 'one JSON object on stdout when it has ended')
    .action(async (race: string, options: RaceOptions) => (await import('./races.ts')).runRace(race, options))
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
  const runs = program.command('runs').description('the runs of a workspace; their metrics as files, and from files')
  runs
    .command('list', { isDefault: true })
    .description('the runs of a workspace, newest first')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: WorkspaceOptions) => (await import('./runs.ts')).listRunsVerb(options))
  runs
    .command('export')
    .description('write the metrics of a run, of all its stages')
    .argument('<run>', 'id of the run')
    .addOption(new Option('--format <format>', 'tensorboard writes an event file into a folder').choices(RUN_FORMATS).makeOptionMandatory())
    .requiredOption('--output <path>', 'file, or folder for tensorboard')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .option('--json', 'one JSON object {path, rows} on stdout')
    .action(async (run: string, options: ExportRunOptions) => (await import('./run-files.ts')).exportRunVerb(run, options))
  runs
    .command('import')
    .description('take over the runs of another workspace, which then go on here, or read metrics of other trainers to look at: trainer_state.json, trainer_log.jsonl, or a folder that holds one')
    .argument('<path...>', 'folders of workspaces, files, or output folders of trainers')
    .requiredOption('--workspace <dir>', 'folder of the workspace')
    .option('--json', 'one JSON object {runs, problems} on stdout')
    .action(async (paths: string[], options: WorkspaceOptions) => (await import('./run-files.ts')).importRunsVerb(paths, options))
}
