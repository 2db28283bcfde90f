/** The pair lint on a dataset of the workspace, under a model's tokenizer where one is chosen; and its fixes, each a new snapshot. */
import { type Fixable, fixRows, lintFor, lintRows } from '../../core/lint/index.ts'
import type { ModelLimits, RowTokens } from '../../core/lint/finding.ts'
import { LINT_KINDS, type DatasetRow, type LintKind, type LintReport } from '../../shared/datasets.ts'
import type { Dataset, Message } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { loadText, type Text } from '../lab/text.ts'
import { createDataset, hasDataset, readDatasetRows, requireDataset } from '../storage/datasets.ts'
import type { ReadableDb, WritableDb } from '../storage/open.ts'
import type { Tell } from '../task-thread.ts'
import { meaningAsBefore, readPromptFiles, stampAgainst } from './check.ts'

/** A recipe's default. */
const MAX_LENGTH = 2048
const SHOWN_ROWS = 500

/** `model`: absolute folder; null leaves out what needs a tokenizer. */
export type LintInput = { name: string; model: string | null; maxLength: number | null }
export type Fix = LintKind | 'contamination'
export type FixInput = LintInput & { fix: Fix; /** Name of the new snapshot; null finds one. */ as: string | null }

export function lintDataset(db: ReadableDb, { name, model, maxLength }: LintInput, tell: Tell = () => {}): LintReport {
  const rows = readDatasetRows<DatasetRow>(db, name)
  const limits = model === null ? null : limitsOf(model, maxLength, rows, tell)
  const findings = lintRows(rows, limits, (done, kind) => tell(done, LINT_KINDS.length, kind)).map((finding) => ({ ...finding, total: finding.rows.length, rows: finding.rows.slice(0, SHOWN_ROWS) }))
  return { rows: rows.length, findings, model, maxLength: limits?.maxLength ?? null }
}

/** Freezes the rows as the fix leaves them; a contamination stamp is renewed for the new snapshot. */
export async function fixDataset(db: WritableDb, { name, fix, as, model, maxLength }: FixInput, tell: Tell = () => {}): Promise<Dataset> {
  const parent = requireDataset(db, name)
  const rows = readDatasetRows<DatasetRow>(db, name)
  const limits = model === null ? null : limitsOf(model, maxLength, rows, tell)
  const finding: Fixable | null = fix === 'contamination' ? contaminated(parent) : lintFor(fix, rows, limits)
  if (finding === null) throw new BackendError('bad-input', `dataset ${name}: expected a finding of kind ${fix} to fix, found none${model === null ? ' (truncation and missing-eos need a model)' : ''}`)
  if (finding.fix === null) throw new BackendError('bad-input', `dataset ${name}: ${fix} has no fix in the rows; choose a model whose template ends replies`)
  const fixed = fixRows(rows, finding, limits)
  if (fixed.length === 0) throw new BackendError('bad-input', `dataset ${name}: the fix of ${fix} would leave none of its ${rows.length} rows`)
  // Before anything is written: a prompt file may be gone.
  const guard = parent.contamination === null ? null : await readPromptFiles(parent.contamination.files.map(({ path }) => path))
  const child = as ?? nextName(db, name)
  const { lineage } = parent.recipe
  const recipe = { from: 'fix', parent: name, parentHash: parent.hash, fix, action: finding.fix, rows: finding.rows.length, ...(limits === null ? {} : { model, maxLength: limits.maxLength }), ...(lineage === undefined ? {} : { lineage }) }
  const made = createDataset(db, { name: child, kind: parent.kind, rows: fixed as never, recipe }, tell)
  return guard === null ? made : stampAgainst(db, child, guard, meaningAsBefore(db, parent.contamination!), tell)
}

function contaminated({ contamination }: Dataset): Fixable | null {
  return contamination === null || contamination.rows.length === 0 ? null : { kind: 'contamination', fix: 'drop', rows: contamination.rows.map((row) => ({ row })) }
}

/** pairs, pairs-2, pairs-3 … */
function nextName(db: ReadableDb, name: string): string {
  const stem = name.replace(/-\d+$/, '')
  const start = Number(/-(\d+)$/.exec(name)?.[1] ?? 1)
  for (let number = start + 1; ; number++) if (!hasDataset(db, `${stem}-${number}`)) return `${stem}-${number}`
}

function limitsOf(folder: string, maxLength: number | null, rows: readonly DatasetRow[], tell: Tell): ModelLimits {
  const text = loadText(folder)
  return {
    maxLength: Math.min(maxLength ?? MAX_LENGTH, text.context),
    specialTokens: Object.values(text.renderer.tokenizer.specialTokens),
    tokens: rows.map((row, at) => {
      tell(at, rows.length, 'tokenizing rows')
      try {
        return countTokens(text, row)
      } catch (error) {
        throw new BackendError('bad-input', `row ${at + 1} cannot be rendered with the template of ${folder}: ${error instanceof Error ? error.message : String(error)}`, undefined, { cause: error })
      }
    }),
  }
}

function countTokens({ renderer, eosIds }: Text, row: DatasetRow): RowTokens {
  if (!('chosen' in row) && !('reply' in row)) return { prompt: renderer.renderPrompt(row.prompt).ids.length, chosen: 0, rejected: 0, ended: true }
  const [chosen, rejected] = 'chosen' in row ? [row.chosen, row.rejected] : [row.reply, row.reply]
  const reply = (content: string): Message[] => [{ role: 'assistant', content }]
  const { promptIds, chosenIds, rejectedIds } = renderer.renderPair({ prompt: row.prompt, chosen: reply(chosen), rejected: reply(rejected) })
  // Templates may write a line break after what ends a reply.
  const ended = [chosenIds, rejectedIds].every((ids) => ids.slice(-2).some((id) => eosIds.includes(id)))
  return { prompt: promptIds.length, chosen: chosenIds.length, rejected: rejectedIds.length, ended }
}
