/** `drift engine install|list|repair|remove torch` and `drift engine parity`. Declared here, done in ./torch-engine.ts. */
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { DEVICES_OF } from '../engine/device.ts'
import type { ParityReport } from '../shared/engines.ts'
import { positiveInteger } from './option-values.ts'

export type TorchOptions = { python?: string; dryRun?: true; json?: true }
export type JoinOptions = { processes: number; machine: number }
export type ParityOptions = { model: string; device: ParityReport['device']; json?: true }

export function registerTorchVerbs(program: Command): void {
  const engine = program.command('engine').description('engines beside the embedded one: what they need and how to get it')
  engine
    .command('install')
    .description("the torch engine's environment, in a folder of its own; started again, it goes on where it was interrupted")
    .argument('<engine>', 'torch', onlyTorch)
    .option('--python <path>', 'take this interpreter instead, after checking that it has what is needed')
    .option('--dry-run', 'only say what would be installed, how large it is and where')
    .option('--json', 'one JSON object on stdout when it has ended')
    .action(async (_: string, options: TorchOptions) => (await import('./torch-engine.ts')).installEngine(options))
  engine
    .command('repair')
    .description('check every file of the environment, install again what is missing or damaged, verify it')
    .argument('<engine>', 'torch', onlyTorch)
    .option('--json', 'one JSON object on stdout when it has ended')
    .action(async (_: string, options: TorchOptions) => (await import('./torch-engine.ts')).installEngine({ ...(options.json && { json: options.json }) }))
  engine
    .command('list')
    .description('what is set up, its versions and devices')
    .argument('[engine]', 'torch', onlyTorch)
    .option('--json', 'one JSON object on stdout')
    .action(async (_: string | undefined, options: TorchOptions) => (await import('./torch-engine.ts')).listEngine(options))
  engine
    .command('remove')
    .description("delete the environment, or forget the interpreter that was named")
    .argument('<engine>', 'torch', onlyTorch)
    .option('--json', 'one JSON object on stdout')
    .action(async (_: string, options: TorchOptions) => (await import('./torch-engine.ts')).removeEngine(options))
  engine
    .command('join')
    .description("on every further machine of a run over several: its share of the run's processes, until the run ends; DRIFT_MACHINES, MASTER_ADDR and MASTER_PORT as on the first")
    .argument('<engine>', 'torch', onlyTorch)
    .requiredOption('--processes <count>', 'of the whole run (torch.num_processes)', positiveInteger)
    .requiredOption('--machine <number>', 'which one this is: 1 for the second', positiveInteger)
    .action(async (_: string, options: JoinOptions) => (await import('./torch-engine.ts')).joinEngine(options))
  engine
    .command('parity')
    .description('score a batch and take one DPO step of a model on the embedded and the torch engine, and compare them; exit code 1 where they differ')
    .requiredOption('--model <dir>', 'model folder that both can load')
    .addOption(new Option('--device <device>', 'what the torch engine computes on').choices(DEVICES_OF.torch).default('cpu'))
    .option('--json', 'one JSON object on stdout')
    .action(async (options: ParityOptions) => (await import('./torch-engine.ts')).compareEngines(options))
}

function onlyTorch(text: string): string {
  if (text !== 'torch') throw new InvalidArgumentError('expected torch; the embedded engine is always here.')
  return text
}
