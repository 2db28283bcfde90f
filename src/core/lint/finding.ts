/** What every check of the pair lint is given and returns. */
import type { DatasetRow, FixAction, LintFinding, LintKind, Severity } from '../../shared/datasets.ts'

/** A row's length in tokens under a chosen model, replies with what ends them. */
export type RowTokens = { prompt: number; chosen: number; rejected: number; /** Every reply ends with an end-of-sequence token. */ ended: boolean }
/** What is known of a chosen model; checks that need it say nothing without. */
export type ModelLimits = { maxLength: number; tokens: readonly RowTokens[]; /** Texts its tokenizer reads as one special token. */ specialTokens: readonly string[] }

/** A check: pure, one kind of finding, null where there is nothing to say. */
export type Check = (rows: readonly DatasetRow[], model: ModelLimits | null) => Finding | null
/** As checks make it: every row; the interface shows the first of them. */
export type Finding = Omit<LintFinding, 'total'>
export type Found = Finding['rows']

export function finding(kind: LintKind, severity: Severity, fix: FixAction | null, rows: Found, summary: string): Finding | null {
  return rows.length === 0 ? null : { kind, severity, summary, rows, fix }
}

/** The rows in which a check finds something, with what. */
export function findRows(rows: readonly DatasetRow[], look: (row: DatasetRow, at: number) => string | null): Found {
  return rows.flatMap((row, at) => {
    const found = look(row, at)
    return found === null ? [] : [{ row: at, found }]
  })
}

export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
/** The words around a place, on one line. */
export const excerpt = (text: string, start = 0, length = 60): string => {
  const line = text.slice(Math.max(0, start), Math.max(0, start) + length).replaceAll(/\s+/g, ' ').trim()
  return text.length > Math.max(0, start) + length ? `${line}…` : line
}
