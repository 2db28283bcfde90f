/** The pair lint: every check over a dataset's rows, and what its fixes make of them. Pure. */
import type { DatasetRow, FixAction, LintKind } from '../../shared/datasets.ts'
import { LINT_KINDS } from '../../shared/datasets.ts'
import { mapTexts } from '../row-texts.ts'
import { duplicates, nearlyDuplicates } from './duplicates.ts'
import type { Check, Finding, ModelLimits } from './finding.ts'
import { languageFlip } from './languages.ts'
import { lengthSkew } from './length-skew.ts'
import { maskPersonalData, personalData } from './personal-data.ts'
import { refusals } from './refusals.ts'
import { contradictions, emptyReply, identicalSides, nearIdenticalSides } from './sides.ts'
import { missingEos, templateText, withoutTemplateText } from './template-text.ts'
import { truncation } from './truncation.ts'

const CHECKS: { [Kind in LintKind]: Check } = {
  'identical-sides': identicalSides,
  'empty-reply': emptyReply,
  contradiction: contradictions,
  'template-text': templateText,
  'missing-eos': missingEos,
  truncation,
  'personal-data': personalData,
  'near-identical-sides': nearIdenticalSides,
  'length-skew': lengthSkew,
  refusal: refusals,
  'language-flip': languageFlip,
  duplicate: duplicates,
  'near-duplicate': nearlyDuplicates,
}
const ORDER = ['error', 'warning', 'note'] as const

/** Findings, the gravest first. @param onCheck told before each of them */
export function lintRows(rows: readonly DatasetRow[], model: ModelLimits | null, onCheck?: (done: number, kind: LintKind) => void): Finding[] {
  const found = LINT_KINDS.flatMap((kind, done) => {
    onCheck?.(done, kind)
    return CHECKS[kind](rows, model) ?? []
  })
  return found.sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity))
}

/** One check alone; null where it finds nothing. */
export const lintFor = (kind: LintKind, rows: readonly DatasetRow[], model: ModelLimits | null): Finding | null => CHECKS[kind](rows, model)

/** What a fix needs of a finding; the contamination guard's result is fixed by the same means. */
export type Fixable = { kind: LintKind | 'contamination'; fix: FixAction | null; rows: readonly { row: number }[] }

/** The rows as a finding's fix leaves them: those it names dropped, or their text masked. */
export function fixRows<Row extends DatasetRow>(rows: readonly Row[], { kind, fix, rows: found }: Fixable, model: ModelLimits | null): Row[] {
  const named = new Set(found.map(({ row }) => row))
  if (fix !== 'mask') return rows.filter((_, at) => !named.has(at))
  const mask = (row: DatasetRow): DatasetRow => (kind === 'personal-data' ? mapTexts(row, maskPersonalData) : withoutTemplateText(row, model?.specialTokens))
  return rows.map((row, at) => (named.has(at) ? (mask(row) as Row) : row))
}
