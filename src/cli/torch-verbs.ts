/** `drift engine install|list|repair|remove torch`. Declared here, done in ./torch-engine.ts. */
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'

export type TorchOptions = { python?: string; dryRun?: true; json?: true }

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
}

function onlyTorch(text: string): string {
  if (text !== 'torch') throw new InvalidArgumentError('expected torch; the embedded engine is always here.')
  return text
}
