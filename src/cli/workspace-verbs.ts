/** The verbs of a workspace's data: import, search, detect, detector eval, signals run; those of datasets are in `dataset-verbs.ts`. */
import type { Command } from 'commander'
import { registerDatasetVerbs } from './dataset-verbs.ts'
import { registerDemoVerbs } from './demo-verbs.ts'
import { positiveNumber } from './option-values.ts'
import { registerRunVerbs } from './run-verbs.ts'

type Output = { json?: true }
const where = 'folder of the workspace'

export function registerWorkspaceVerbs(program: Command): void {
  program
    .command('import')
    .description('conversations from files into a workspace; bad rows are set aside with their reason')
    .argument('<file...>', 'JSONL or JSON, also .gz and .zst; the format is detected')
    .requiredOption('--workspace <dir>', `${where} (made where there is none)`)
    .option('--format <name>', 'read every row as this format')
    .option('--json', 'one JSON object on stdout')
    .action(async (files: string[], options: Output & { workspace: string; format?: string }) => (await import('./data-verbs.ts')).runImport(files, options))

  program
    .command('search')
    .description('turns that hold every word; "quoted words" as a phrase, word* as a beginning')
    .argument('<query...>', 'words')
    .requiredOption('--workspace <dir>', where)
    .option('--limit <number>', 'hits shown; the total counts all', positiveNumber, 20)
    .option('--json', 'one JSON object on stdout')
    .action(async (words: string[], options: Output & { workspace: string; limit: number }) => (await import('./data-verbs.ts')).runSearch(words.join(' '), options))

  program
    .command('detect')
    .description('who was dissatisfied: one JSONL row per user message that follows an assistant message')
    .requiredOption('--input <file>', 'conversations in any format that import reads')
    .requiredOption('--output <file>', 'JSONL, gzip where it ends in .gz')
    .option('--detector <name>', 'rules', 'rules')
    .option('--json', 'one JSON object on stdout when done')
    .action(async (options: Output & { input: string; output: string; detector: string }) => (await import('./data-verbs.ts')).runDetect(options))

  const detector = program.command('detector').description('detectors of dissatisfaction')
  detector
    .command('eval')
    .description('average precision, ROC-AUC and F1 against labels that came with the data')
    .requiredOption('--input <file>', 'conversations with labels: [{turn_index, dsat, ratings?}]')
    .option('--detector <name>', 'rules', 'rules')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: Output & { input: string; detector: string }) => (await import('./data-verbs.ts')).runDetectorEval(options))

  const signals = program.command('signals').description("what users thought of the replies they got")
  signals
    .command('run')
    .description('judges every answered turn of a workspace')
    .requiredOption('--workspace <dir>', where)
    .option('--detector <name>', 'rules', 'rules')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: Output & { workspace: string; detector: string }) => (await import('./data-verbs.ts')).runSignals(options))

  registerDatasetVerbs(program)
  registerRunVerbs(program)
  registerDemoVerbs(program)
}
