import { describe, isRow, RowProblem, type ImportFormat } from './format.ts'
import { readAbout, readMetadata, readOrigin, readReply } from './messages.ts'
import { readPrompt } from './preference.ts'

/** cacayaya/DRIFT's feedback rows: {prompt, rejected: [message], user_preference: {content}}: a dissatisfied user each. */
export const driftRows: ImportFormat = {
  name: 'drift',
  recognizes: (row) => 'rejected' in row && 'user_preference' in row,
  read([row]) {
    const feedback = row['user_preference']
    const words = isRow(feedback) ? feedback['content'] : feedback
    if (typeof words !== 'string') throw new RowProblem(`user_preference.content: expected text, got ${describe(words)}`)
    const prompt = readPrompt(row['prompt'])
    const messages = [...prompt, { role: 'assistant' as const, content: readReply(row['rejected'], 'rejected') }, { role: 'user' as const, content: words }]
    return [{
      ...readAbout(row),
      messages,
      metadata: { ...readMetadata(row, row['id']), ...readOrigin(row) },
      labels: [{ turnIndex: messages.length - 1, label: 'dissatisfied', probability: 1, categories: [], ratings: null }],
    }]
  },
}
