/** The verbs of datasets: build, list, diff, export. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { type BuildOptions, DECIDERS } from '../shared/datasets.ts'
import type { DatasetKind } from '../shared/types.ts'
import { positiveNumber } from './workspace-verbs.ts'

export type Output = { json?: true; workspace: string }
const WHERE = ['--workspace <dir>', 'folder of the workspace'] as const

export function registerDatasetVerbs(program: Command): void {
  const dataset = program.command('dataset').description('immutable datasets of a workspace')
  const verb = (name: string, description: string): Command => dataset.command(name).description(description).requiredOption(...WHERE).option('--json', 'one JSON object on stdout')

  verb('build', 'freezes rows from the conversations and their signals')
    .requiredOption('--name <name>', 'name of the dataset')
    .addOption(new Option('--kind <kind>', 'feedback: replies with what users thought; preference: pairs; prompts: requests').choices(['feedback', 'preference', 'prompts']).makeOptionMandatory())
    .option('--source <source>', 'conversations of this source alone')
    .option('--model <model>', 'conversations with this model alone')
    .option('--language <language>', 'conversations in this language alone')
    .option('--category <category>', 'turns whose signal names this category')
    .option('--min-turns <number>', 'conversations of so many messages or more', positiveNumber)
    .option('--max-turns <number>', 'conversations of so many messages or fewer', positiveNumber)
    .option('--threshold <number>', 'probability from which a detector counts as dissatisfied', share, 0.5)
    .option('--deciders <names>', `whose word counts, comma-separated: ${DECIDERS.join(', ')} (default all)`, deciders)
    .addOption(new Option('--dedup <what>', 'rows kept once: of equal text, or also nearly equal').choices(['none', 'exact', 'near']).default('none'))
    .option('--max-per-source <number>', 'at most so many rows of each source, drawn by the seed', positiveNumber)
    .option('--held-out <share>', 'share of the rows set aside as NAME-heldout', share, 0)
    .addOption(new Option('--split-by <what>', 'what never lies on both sides: a conversation; also a user; also prompts that nearly equal each other').choices(['conversation', 'user', 'cluster']).default('user'))
    .option('--seed <number>', 'of caps, near-duplicates and the split', wholeNumber, 1)
    .action(async (options: Output & BuildOptions & { name: string; kind: DatasetKind }) => (await import('./datasets.ts')).runDatasetBuild(options))

  verb('list', 'the datasets of a workspace, newest first')
    .action(async (options: Output) => (await import('./datasets.ts')).runDatasetList(options))

  verb('diff', 'rows added, removed and changed between two datasets, statistics side by side')
    .argument('<before>', 'name of a dataset')
    .argument('<after>', 'name of another')
    .option('--limit <number>', 'rows shown', positiveNumber, 20)
    .action(async (before: string, after: string, options: Output & { limit: number }) => (await import('./datasets.ts')).runDatasetDiff(before, after, options))

  verb('export', 'writes a dataset for other tools')
    .requiredOption('--dataset <name>', 'name of the dataset')
    .addOption(new Option('--format <format>', 'trl-jsonl: preference, unpaired or prompt rows; drift: feedback rows').choices(['trl-jsonl', 'drift']).default('trl-jsonl'))
    .requiredOption('--output <path>', 'file to write, gzip where it ends in .gz')
    .action(async (options: Output & { dataset: string; format: 'trl-jsonl' | 'drift'; output: string }) => (await import('./datasets.ts')).runDatasetExport(options))
}

function share(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !(number >= 0 && number <= 1)) throw new InvalidArgumentError('expected a number from 0 to 1.')
  return number
}

function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.')
  return Number(text)
}

function deciders(text: string): BuildOptions['deciders'] {
  const names = text.split(',').map((name) => name.trim())
  return names.map((name) => {
    const decider = DECIDERS.find((one) => one === name)
    if (decider === undefined) throw new InvalidArgumentError(`expected names of ${DECIDERS.join(', ')}, got "${name}".`)
    return decider
  })
}
