/** `drift engine install|list|repair|remove torch` and `drift engine parity`. Declared here, done in ./torch-engine.ts. */
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { DEVICES_OF } from '../engine/device.ts'
import type { ParityReport } from '../shared/engines.ts'

export type TorchOptions = { python?: string; dryRun?: true; json?: true }
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
