/** The verbs of a workspace's data: import, search, detect, detector train and eval, signals run and rubric, review export; those of datasets are in `dataset-verbs.ts`. */
import { InvalidArgumentError, type Command } from 'commander'
import { columnFields, type ColumnMapping } from '../core/import/columns.ts'
import { importFormats } from '../core/import/index.ts'
import { registerCapsuleVerbs } from './capsule-verbs.ts'
import { registerConversationVerbs } from './conversation-verbs.ts'
import type { JudgeOptions } from './data-verbs.ts'
import { registerDatasetVerbs } from './dataset-verbs.ts'
import { registerDemoVerbs } from './demo-verbs.ts'
import { registerEvalVerbs } from './eval-verbs.ts'
import { concurrency, positiveInteger } from './option-values.ts'
import { registerQuarantineVerbs } from './quarantine-verbs.ts'
import { registerRecipeVerbs } from './recipe-verbs.ts'
import { registerRunVerbs } from './run-verbs.ts'

type Output = { json?: true }
const where = 'folder of the workspace'
const DETECTORS = 'rules, classifier, judge or a file of detector train'

/** What an LLM judge needs; the key comes from DRIFT_JUDGE_API_KEY. */
function withJudge(command: Command): Command {
  return command
    .option('--judge-url <url>', 'OpenAI-compatible endpoint, with its version: http://127.0.0.1:8000/v1')
    .option('--judge-model <name>', 'model that judges')
    .option('--rubric <file>', 'categories to judge by, as the app shows them')
    .option('--concurrency <number>', 'requests to the judge at once', concurrency)
}

export function registerWorkspaceVerbs(program: Command): void {
  program
    .command('import')
    .description('conversations, and exported labels of people, from files into a workspace; bad rows are set aside with their reason')
    .argument('<file...>', 'JSONL, JSON, CSV or Parquet, also .gz and .zst, and folders of them; the format is detected')
    .requiredOption('--workspace <dir>', `${where} (made where there is none)`)
    .option('--format <name>', `read every row as this format: ${importFormats.map(({ name }) => name).join(', ')}`)
    .option('--mapping <field=column,…>', `columns of a table no format knows: ${columnFields.join(', ')}`, columnMapping)
    .option('--json', 'one JSON object on stdout')
    .action(async (files: string[], options: Output & { workspace: string; format?: string; mapping?: ColumnMapping }) => (await import('./data-verbs.ts')).runImport(files, options))

  program
    .command('search')
    .description('turns that hold every word; "quoted words" as a phrase, word* as a beginning')
    .argument('<query...>', 'words')
    .requiredOption('--workspace <dir>', where)
    .option('--limit <number>', 'hits shown; the total counts all', positiveInteger, 20)
    .option('--json', 'one JSON object on stdout')
    .action(async (words: string[], options: Output & { workspace: string; limit: number }) => (await import('./data-verbs.ts')).runSearch(words.join(' '), options))

  withJudge(program.command('detect'))
    .description('who was dissatisfied: one JSONL row per user message that follows an assistant message')
    .requiredOption('--input <file>', 'conversations in any format that import reads')
    .requiredOption('--output <file>', 'JSONL, gzip where it ends in .gz')
    .option('--detector <name>', DETECTORS, 'rules')
    .option('--json', 'one JSON object on stdout when done')
    .action(async (options: Output & JudgeOptions & { input: string; output: string; detector: string }) => (await import('./data-verbs.ts')).runDetect(options))

  const detector = program.command('detector').description('detectors of dissatisfaction')
  detector
    .command('train')
    .description('a classifier from labelled conversations, with its figures from cross-validation')
    .requiredOption('--input <file>', 'conversations with labels: [{turn_index, dsat, ratings?}]')
    .requiredOption('--output <file>', 'detector to write')
    .option('--seed <number>', 'of the folds', positiveInteger, 1)
    .option('--json', 'one JSON object on stdout')
    .action(async (options: Output & { input: string; output: string; seed: number }) => (await import('./data-verbs.ts')).runDetectorTrain(options))
  withJudge(detector.command('eval'))
    .description('average precision, ROC-AUC and F1 against labels that came with the data')
    .requiredOption('--input <file>', 'conversations with labels: [{turn_index, dsat, ratings?}]')
    .option('--detector <name>', DETECTORS, 'rules')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: Output & JudgeOptions & { input: string; detector: string }) => (await import('./data-verbs.ts')).runDetectorEval(options))

  const signals = program.command('signals').description("what users thought of the replies they got")
  withJudge(signals.command('run'))
    .description('judges every answered turn of a workspace')
    .requiredOption('--workspace <dir>', where)
    .option('--detector <name>', DETECTORS, 'rules')
    .option('--limit <number>', 'turns the judge is asked about, labelled ones first', positiveInteger)
    .option('--json', 'one JSON object on stdout')
    .action(async (options: Output & JudgeOptions & { workspace: string; detector: string; limit?: number }) => (await import('./data-verbs.ts')).runSignals(options))

  signals
    .command('rubric')
    .description('the categories that people, judge, queues and duels go by, as the text they stand in')
    .requiredOption('--workspace <dir>', where)
    .option('--set <file>', 'a text to take its place: "- category: what it means" a line, under "Dissatisfied:" and "Satisfied:"; labels keep the categories they have')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: Output & { workspace: string; set?: string }) => (await import('./data-verbs.ts')).runRubric(options))

  const review = program.command('review').description("people's labels")
  review
    .command('export')
    .description("everybody's present labels with what each turn's come to; `drift import` takes them into a workspace that has their conversations")
    .requiredOption('--workspace <dir>', where)
    .requiredOption('--output <file>', 'CSV where it ends in .csv, JSONL otherwise; gzip with .gz after either')
    .option('--mask', 'mask e-mail, phone, card, IP and street addresses and keys', false)
    .option('--json', 'one JSON object on stdout')
    .action(async (options: Output & { workspace: string; output: string; mask: boolean }) => (await import('./data-verbs.ts')).runReviewExport(options))

  registerQuarantineVerbs(program)
  registerConversationVerbs(program)
  registerDatasetVerbs(program)
  registerRunVerbs(program)
  registerRecipeVerbs(program)
  registerDemoVerbs(program)
  registerEvalVerbs(program)
  registerCapsuleVerbs(program)
}

function columnMapping(text: string): ColumnMapping {
  return Object.fromEntries(text.split(',').map((part) => {
    const [field = '', ...column] = part.split('=')
    if (!columnFields.some((known) => known === field.trim()) || column.join('=') === '') throw new InvalidArgumentError(`expected field=column with a field of ${columnFields.join(', ')}, got "${part}".`)
    return [field.trim(), column.join('=')]
  }))
}
