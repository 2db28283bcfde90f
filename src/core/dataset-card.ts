/** The README.md of a Hugging Face dataset folder: its YAML head and what a reader wants to know. Pure. */
import type { Dataset } from '../shared/types.ts'
import { promptsInWords } from './contamination.ts'

export type CardSplit = { split: 'train' | 'test'; path: string; rows: number; dataset: string }

const CODES: Readonly<Record<string, string>> = { english: 'en', german: 'de', french: 'fr', spanish: 'es', portuguese: 'pt', italian: 'it', dutch: 'nl', chinese: 'zh', japanese: 'ja', korean: 'ko', russian: 'ru', arabic: 'ar', turkish: 'tr', vietnamese: 'vi', polish: 'pl' }
const SIZES: readonly [number, string][] = [[1e3, 'n<1K'], [1e4, '1K<n<10K'], [1e5, '10K<n<100K'], [1e6, '100K<n<1M'], [1e7, '1M<n<10M']]
const TAGS = { preference: ['preference', 'dpo', 'trl'], feedback: ['feedback', 'kto', 'trl'], prompts: ['prompts', 'trl'] } as const

export function datasetCard(dataset: Dataset, splits: readonly CardSplit[], masked: boolean): string {
  const rows = splits.reduce((sum, split) => sum + split.rows, 0)
  const languages = dataset.statistics.flatMap(({ group, label }) => {
    const code = CODES[label.toLowerCase()] ?? (/^[a-z]{2,3}$/.test(label) ? label : undefined)
    return group === 'language' && code !== undefined ? [code] : []
  })
  const list = (key: string, values: readonly string[]): string[] => (values.length === 0 ? [] : [`${key}:`, ...[...new Set(values)].map((value) => `- ${quoted(value)}`)])
  const head = [
    `pretty_name: ${quoted(dataset.name)}`,
    ...list('language', languages),
    ...list('task_categories', ['text-generation']),
    ...list('tags', TAGS[dataset.kind]),
    ...list('size_categories', [SIZES.find(([below]) => rows < below)?.[1] ?? 'n>10M']),
    'configs:',
    '- config_name: default',
    '  data_files:',
    ...splits.flatMap(({ split, path }) => [`  - split: ${split}`, `    path: ${quoted(path)}`]),
  ]
  const { contamination } = dataset
  const guard = contamination === null
    ? 'Not checked against evaluation prompts.'
    : `${contamination.rows.length} of ${dataset.rows} rows meet one of ${promptsInWords(contamination, 'evaluation prompt')} (by source id ${contamination.counts['source-id']}, word for word ${contamination.counts.exact}, ${contamination.ngram}-word run ${contamination.counts.ngram}, likeness ${contamination.counts.similar}, ${contamination.meaning === null ? 'meaning not compared' : `meaning ${contamination.counts.meaning} at a cosine of ${contamination.meaning.threshold} by ${contamination.meaning.encoder}, SHA-256 ${contamination.meaning.version}`}), checked ${contamination.checkedAt.slice(0, 10)}.`
  const { gone } = dataset
  const origins = gone === null ? [] : [`${gone.conversations} of the conversations these rows come from were deleted from the workspace since (${gone.rows} rows; last on ${gone.lastDeletedAt.slice(0, 10)}).`, '']
  return [
    '---', ...head, '---', '',
    `# ${oneLine(dataset.name)}`, '',
    `Rows of kind ${dataset.kind}, written by DRIFT Workbench in TRL's conversational format. The licence is that of the conversations the rows were made from: state it in the head before publishing.`, '',
    ...splits.map(({ split, rows: count, dataset: name }) => `- \`${split}\`: ${count} rows of \`${oneLine(name)}\``),
    '', `SHA-256 of the rows: \`${dataset.hash}\``, '',
    masked ? 'Personal data found by pattern (e-mail, phone, card, IP and street addresses, keys) is masked.' : 'Personal data is not masked.', '',
    guard, '',
    ...origins,
    '## How it was made', '', '```json', JSON.stringify(dataset.recipe, null, 2), '```', '',
    '## Figures', '', '| | |', '|---|---|',
    ...dataset.statistics.map(({ label, group, value }) => `| ${cell(group === undefined ? label : `${group} ${label}`)} | ${cell(String(value))} |`), '',
  ].join('\n')
}

/** JSON strings are YAML strings. */
const quoted = (text: string): string => JSON.stringify(text)
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ')
const cell = (text: string): string => oneLine(text).replaceAll('|', '\\|')
