/** The verbs of datasets: build, list, diff, lint, fix, check, export. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { filterOf, parseSearch } from '../core/search-fields.ts'
import { UNSPECIFIED } from '../core/rubric.ts'
import { type BuildOptions, DECIDERS, EXPORT_FORMATS, type ExportFormat, LINT_KINDS, type LintKind, MEANING_THRESHOLD } from '../shared/datasets.ts'
import type { DatasetKind } from '../shared/types.ts'
import { integer, numberWithin, positiveInteger } from './option-values.ts'

export type Output = { json?: true; workspace: string }
const WHERE = ['--workspace <dir>', 'folder of the workspace'] as const

export function registerDatasetVerbs(program: Command): void {
  const dataset = program.command('dataset').description('immutable datasets of a workspace')
  const verb = (name: string, description: string): Command => dataset.command(name).description(description).requiredOption(...WHERE).option('--json', 'one JSON object on stdout')

  verb('build', 'freezes rows from the conversations and their signals')
    .requiredOption('--name <name>', 'name of the dataset')
    .addOption(new Option('--kind <kind>', 'feedback: replies with what users thought; preference: pairs; prompts: requests').choices(['feedback', 'preference', 'prompts']).makeOptionMandatory())
    .option('--conversations <query>', 'conversations that a search finds alone: words and fields as `drift search` takes them', conversations)
    .option('--source <names>', 'conversations of these sources alone: a list with commas (one within a name as \\,)', listed)
    .option('--model <names>', 'conversations with these models alone', listed)
    .option('--language <names>', 'conversations in these languages alone', listed)
    .option('--tag <names>', 'conversations with one of these tags', listed)
    .option('--category <names>', `turns whose signal names one of these categories; ${UNSPECIFIED}: dissatisfied ones that name none`, listed)
    .option('--min-turns <number>', 'conversations of so many messages or more', positiveInteger)
    .option('--max-turns <number>', 'conversations of so many messages or fewer', positiveInteger)
    .option('--threshold <number>', 'probability from which a detector counts as dissatisfied', numberWithin(0, 1), 0.5)
    .option('--deciders <names>', `whose word counts, comma-separated: ${DECIDERS.join(', ')} (default all)`, deciders)
    .addOption(new Option('--dedup <what>', 'rows kept once: of equal text, or also nearly equal').choices(['none', 'exact', 'near']).default('none'))
    .option('--max-per-source <number>', 'at most so many rows of each source, drawn by the seed', positiveInteger)
    .option('--held-out <share>', 'share of the rows set aside as NAME-heldout', numberWithin(0, 1), 0)
    .addOption(new Option('--split-by <what>', 'what never lies on both sides: a conversation; also a user; also prompts that nearly equal each other').choices(['conversation', 'user', 'cluster']).default('user'))
    .option('--seed <number>', 'of caps, near-duplicates and the split', integer, 1)
    .action(async (options: Output & BuildOptions & { name: string; kind: DatasetKind }) => (await import('./datasets.ts')).runDatasetBuild(options))

  verb('list', 'the datasets of a workspace, newest first')
    .action(async (options: Output) => (await import('./datasets.ts')).runDatasetList(options))

  verb('diff', 'rows added, removed and changed between two datasets, statistics side by side')
    .argument('<before>', 'name of a dataset')
    .argument('<after>', 'name of another')
    .option('--limit <number>', 'rows shown', positiveInteger, 20)
    .action(async (before: string, after: string, options: Output & { limit: number }) => (await import('./datasets.ts')).runDatasetDiff(before, after, options))

  underModel(verb('lint', 'what is wrong with the rows, the gravest first; each finding names its fix'))
    .requiredOption('--dataset <name>', 'name of the dataset')
    .action(async (options: Output & { dataset: string }) => (await import('./datasets.ts')).runDatasetLint(options))

  underModel(verb('fix', 'a new dataset as the fix of one finding leaves the rows'))
    .requiredOption('--dataset <name>', 'name of the dataset')
    .addOption(new Option('--fix <finding>', 'the finding to fix').choices([...LINT_KINDS, 'contamination']).makeOptionMandatory())
    .option('--name <name>', 'name of the new dataset (default: the next free number)')
    .action(async (options: Output & { dataset: string; fix: LintKind | 'contamination'; name?: string }) => (await import('./datasets.ts')).runDatasetFix(options))

  verb('check', 'looks for evaluation prompts in the rows and stamps the dataset with the result')
    .requiredOption('--dataset <name>', 'name of the dataset')
    .requiredOption('--against <files...>', 'prompt files: AlpacaEval, WildBench, or rows with a prompt')
    .option('--sentence-model <folder>', 'also by meaning: a folder of an ONNX sentence-embedding model (tokenizer.json, model.onnx)')
    .option('--cosine <number>', 'similarity of sentence vectors from which a row counts; look at the nearest pairs, no value holds for every model', numberWithin(0, 1), MEANING_THRESHOLD)
    .action(async (options: Output & { dataset: string; against: string[]; sentenceModel?: string; cosine: number }) => (await import('./datasets.ts')).runDatasetCheck(options))

  verb('export', 'writes a dataset for other tools')
    .requiredOption('--dataset <name>', 'name of the dataset')
    .addOption(new Option('--format <format>', 'trl-jsonl, trl-parquet: preference, unpaired or prompt rows; hf: a dataset folder with card').choices([...EXPORT_FORMATS]).default('trl-jsonl'))
    .requiredOption('--output <path>', 'file to write (JSONL: gzip where it ends in .gz); a folder for llama-factory and hf')
    .option('--mask', 'mask e-mail, phone, card, IP and street addresses and keys', false)
    .action(async (options: Output & { dataset: string; format: ExportFormat; output: string; mask: boolean }) => (await import('./datasets.ts')).runDatasetExport(options))
}

/** Options of what a model makes of the rows. */
function underModel(command: Command): Command {
  return command
    .option('--model <dir>', 'a model folder, for truncation and end-of-sequence tokens')
    .option('--max-length <number>', "longest sequence in training (default 2048, or the model's context)", positiveInteger)
}

function conversations(text: string): BuildOptions['conversations'] {
  const { words, fields } = parseSearch(text)
  return { filter: filterOf(fields, words) }
}

/** Names between commas; a comma that belongs to one stands behind a backslash. */
function listed(text: string): string[] {
  const names = text.split(/(?<!\\),/).map((name) => name.trim().replaceAll('\\,', ','))
  if (names.includes('')) throw new InvalidArgumentError(`expected names between commas, got "${text}".`)
  return names
}

function deciders(text: string): BuildOptions['deciders'] {
  const names = text.split(',').map((name) => name.trim())
  return names.map((name) => {
    const decider = DECIDERS.find((one) => one === name)
    if (decider === undefined) throw new InvalidArgumentError(`expected names of ${DECIDERS.join(', ')}, got "${name}".`)
    return decider
  })
}
