/** Figures of a dataset's rows, as kept with the snapshot. Pure; counts by source, language and category are joined in storage. */
import type { DatasetRow } from '../shared/datasets.ts'
import type { Dataset, DatasetKind } from '../shared/types.ts'
import { feedbackOf, originOf } from './row-texts.ts'
import { quantile } from './statistics.ts'

export function describeRows(kind: DatasetKind, rows: readonly DatasetRow[]): Dataset['statistics'] {
  const conversations = new Set(rows.map((row) => originOf(row).conversationId))
  conversations.delete(null)
  const statistics: Dataset['statistics'] = [
    { label: 'conversations', value: conversations.size },
    { label: 'unique prompts', value: new Set(rows.map((row) => JSON.stringify(row.prompt))).size },
  ]
  const add = (label: string, value: number): void => void statistics.push({ label, value })
  if (kind === 'feedback') for (const label of ['dissatisfied', 'satisfied', 'neutral']) add(label, rows.filter((row) => 'label' in row && row.label === label).length)
  if (kind !== 'prompts') add('with the user’s words', rows.filter((row) => feedbackOf(row) !== null).length)
  if (kind === 'feedback') add('reply characters, mean', meanOf(rows.map((row) => ('reply' in row ? row.reply.length : 0))))
  if (kind === 'preference') {
    const pairs = rows.filter((row) => 'chosen' in row)
    const { medianRatio, chosenLonger } = describeLengths(pairs)
    add('chosen characters, mean', meanOf(pairs.map(({ chosen }) => chosen.length)))
    add('rejected characters, mean', meanOf(pairs.map(({ rejected }) => rejected.length)))
    add('chosen ÷ rejected, median', Math.round(1000 * medianRatio) / 1000)
    add('with the longer reply chosen', chosenLonger)
  }
  add('with a verifiable task', rows.filter((row) => row.task !== null).length)
  return statistics
}

/** How much longer chosen replies are than rejected ones: median ratio of characters, and pairs whose chosen reply is the longer one. */
export function describeLengths(pairs: readonly { chosen: string; rejected: string }[]): { medianRatio: number; chosenLonger: number } {
  const ratios = Float64Array.from(pairs, lengthRatio).sort()
  return { medianRatio: pairs.length === 0 ? 1 : quantile(ratios, 0.5), chosenLonger: pairs.filter(({ chosen, rejected }) => chosen.length > rejected.length).length }
}

/** An empty side counts as one character. */
export const lengthRatio = ({ chosen, rejected }: { chosen: string; rejected: string }): number => Math.max(1, chosen.length) / Math.max(1, rejected.length)

const meanOf = (values: readonly number[]): number => Math.round((10 * values.reduce((sum, value) => sum + value, 0)) / Math.max(1, values.length)) / 10
