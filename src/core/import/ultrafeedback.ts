import { describe, isRow, RowProblem, type ImportFormat, type Row } from './format.ts'
import { optionalText, readMetadata } from './messages.ts'

/**
 * openbmb/UltraFeedback, {instruction, completions: [{response, annotations, …}]}: the lowest-rated reply is the log,
 * the highest-rated one `metadata.chosen`. Of equal ratings the first counts.
 */
export const ultrafeedback: ImportFormat = {
  name: 'ultrafeedback',
  columns: ['source', 'instruction', 'completions'],
  recognizes: (row) => 'instruction' in row && Array.isArray(row['completions']),
  read([row]) {
    const instruction = row['instruction']
    if (typeof instruction !== 'string') throw new RowProblem(`instruction: expected text, got ${describe(instruction)}`)
    const rated = readCompletions(row['completions'])
    const best = rated.reduce((a, b) => (b.score > a.score ? b : a))
    const worst = rated.reduce((a, b) => (b.score < a.score ? b : a))
    if (best.score === worst.score || best.response === worst.response) throw new RowProblem('completions: expected replies of different ratings, got none')
    return [{
      source: optionalText(row['source']),
      model: worst.model,
      language: null,
      createdAt: null,
      messages: [{ role: 'user', content: instruction }, { role: 'assistant', content: worst.response }],
      metadata: {
        ...readMetadata(row, row['id']),
        chosen: best.response,
        chosen_model: best.model,
        score_chosen: best.score,
        score_rejected: worst.score,
        ...(worst.critique === null ? {} : { critique: worst.critique }),
      },
      labels: [],
    }]
  },
}

type Completion = { response: string; model: string | null; critique: string | null; score: number }

/** Those that are rated; without any the row is of no use. */
function readCompletions(value: unknown): [Completion, ...Completion[]] {
  if (!Array.isArray(value)) throw new RowProblem(`completions: expected a list, got ${describe(value)}`)
  const rated = value.flatMap((completion: unknown, i): Completion[] => {
    if (!isRow(completion)) throw new RowProblem(`completions[${i}]: expected an object, got ${describe(completion)}`)
    const { response } = completion
    if (typeof response !== 'string') throw new RowProblem(`completions[${i}].response: expected text, got ${describe(response)}`)
    const score = scoreOf(completion)
    return score === null ? [] : [{ response, score, model: optionalText(completion['model']), critique: optionalText(completion['critique']) }]
  })
  const [first, ...rest] = rated
  if (first === undefined) throw new RowProblem('completions: expected ratings (fine-grained_score, annotations or overall_score), got none')
  return [first, ...rest]
}

/** `fine-grained_score`, else the mean of the aspects' ratings, else `overall_score`: its early versions hold false tens. */
function scoreOf(completion: Row): number | null {
  return readRating(completion['fine-grained_score']) ?? meanRating(completion['annotations']) ?? readRating(completion['overall_score'])
}

/** An aspect is {Rating, …} or, in the files on GitHub, a list of one such object. */
function meanRating(annotations: unknown): number | null {
  if (!isRow(annotations)) return null
  const ratings = Object.values(annotations).flatMap((aspect): number[] => {
    const one: unknown = Array.isArray(aspect) ? aspect[0] : aspect
    const rating = isRow(one) ? readRating(one['Rating']) : null
    return rating === null ? [] : [rating]
  })
  return ratings.length === 0 ? null : ratings.reduce((sum, rating) => sum + rating, 0) / ratings.length
}

/** A number, also as text; "N/A" and the like are none. */
function readRating(value: unknown): number | null {
  const rating = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof rating === 'number' && Number.isFinite(rating) ? rating : null
}
