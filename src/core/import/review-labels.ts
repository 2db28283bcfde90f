/** The rows of `drift review export`: what one person said of one turn of a conversation, which is named by its content hash. */
import { REVIEW_PASSES, type LogEntry } from '../../shared/review.ts'
import type { SignalLabel } from '../../shared/types.ts'
import { describe, RowProblem, type Row } from './format.ts'
import { readTime } from './messages.ts'

export type ImportedReview = Pick<LogEntry, 'conversationId' | 'turnIndex' | 'annotator' | 'pass' | 'categories' | 'evidence' | 'note' | 'suggestion' | 'seconds' | 'createdAt'> & { label: SignalLabel }

export const isReviewLabel = (row: Row): boolean => ['conversation_id', 'turn_index', 'annotator', 'pass', 'label'].every((key) => key in row)

const LABELS: readonly SignalLabel[] = ['dissatisfied', 'satisfied', 'neutral']

/** Numbers may be texts and lists joined by `; `, as tables hold them. Throws `RowProblem`. */
export function readReviewLabel(row: Row): ImportedReview {
  const createdAt = readTime(row['created_at'])
  if (createdAt === null) throw new RowProblem(`created_at: expected a time, got ${describe(row['created_at'])}`)
  const [start, end] = [readInteger(row, 'evidence_start'), readInteger(row, 'evidence_end')]
  const turnIndex = readInteger(row, 'turn_index')
  if (turnIndex === null) throw new RowProblem('turn_index: expected a number, got nothing')
  const { categories } = row
  return {
    conversationId: readText(row, 'conversation_id'),
    turnIndex,
    annotator: readText(row, 'annotator'),
    pass: readChoice(row, 'pass', REVIEW_PASSES),
    label: readChoice(row, 'label', LABELS),
    categories: Array.isArray(categories) ? categories.filter((category) => typeof category === 'string') : typeof categories === 'string' ? categories.split('; ').filter(Boolean) : [],
    evidence: start === null || end === null ? null : { start, end },
    note: typeof row['note'] === 'string' ? row['note'] : '',
    suggestion: readChoice(row, 'suggestion', ['shown', 'hidden'] as const),
    seconds: readNumber(row, 'seconds'),
    createdAt,
  }
}

function readText(row: Row, key: string): string {
  const value = row[key]
  if (typeof value !== 'string' || value === '') throw new RowProblem(`${key}: expected text, got ${describe(value)}`)
  return value
}

function readChoice<Name extends string>(row: Row, key: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === row[key])
  if (found === undefined) throw new RowProblem(`${key}: expected one of ${names.join(', ')}, got ${describe(row[key])}`)
  return found
}

function readInteger(row: Row, key: string): number | null {
  const number = readNumber(row, key)
  if (number !== null && !Number.isInteger(number)) throw new RowProblem(`${key}: expected a whole number, got ${number}`)
  return number
}

function readNumber(row: Row, key: string): number | null {
  const value = row[key]
  if (value === undefined || value === null || value === '') return null
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0) throw new RowProblem(`${key}: expected a number from 0 on, got ${describe(value)}`)
  return number
}
