import type { Message } from '../../shared/types.ts'
import { describe, RowProblem, type ImportFormat, type ImportedLabel, type Row } from './format.ts'
import { isReaction, readRole } from './messages.ts'

/**
 * WildFeedback's `sat_dsat_annotation.json`: one row per utterance, a conversation begins where UtteranceId is 0.
 * Column names carry the file's own spelling. A user row's flags judge the agent row before it; where both are
 * set the complaint counts.
 */
export const wildfeedbackAnnotations: ImportFormat = {
  name: 'wildfeedback-annotations',
  recognizes: (row) => 'UtteranceId' in row && 'Role' in row && 'Content' in row,
  startsNew: (row) => Number(row['UtteranceId']) === 0,
  read(rows) {
    const messages: Message[] = rows.map((row, i) => {
      // Some utterances are without text.
      const content = row['Content'] === null ? '' : row['Content']
      if (typeof content !== 'string') throw new RowProblem(`utterance ${i}, Content: expected text, got ${describe(content)}`)
      return { role: readRole(row['Role'], `utterance ${i}, Role`), content }
    })
    const labels = rows.flatMap((row, turnIndex): ImportedLabel[] => {
      if (!isReaction(messages, turnIndex)) return []
      const dissatisfied = isTrue(row, 'Disatisfaction')
      const satisfied = isTrue(row, 'Satisfaction')
      const label = dissatisfied ? 'dissatisfied' : satisfied ? 'satisfied' : 'neutral'
      return [{ turnIndex, label, probability: dissatisfied ? 1 : 0, categories: [], ratings: null }]
    })
    return [{ source: null, model: null, language: null, createdAt: null, messages, metadata: {}, labels }]
  },
}

const isTrue = (row: Row, key: string): boolean => row[key] === true || (typeof row[key] === 'string' && row[key].toLowerCase() === 'true')
