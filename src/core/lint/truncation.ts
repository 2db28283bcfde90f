import { type Check, countOf, finding, findRows } from './finding.ts'

/** Rows that training cuts at max_length under the chosen model: a cut reply has no end, a prompt that fills it has no reply. */
export const truncation: Check = (rows, model) => {
  if (model === null) return null
  const { tokens, maxLength } = model
  const found = findRows(rows, (_, at) => {
    const row = tokens[at]
    if (row === undefined) return null
    if (row.prompt >= maxLength) return `the prompt alone has ${row.prompt} tokens of ${maxLength}`
    const longest = row.prompt + Math.max(row.chosen, row.rejected)
    return longest > maxLength ? `${longest} tokens of ${maxLength}` : null
  })
  const filled = rows.filter((_, at) => tokens[at] !== undefined && tokens[at].prompt >= maxLength).length
  const lost = filled === 0 ? '' : `; of ${countOf(filled, 'row')} nothing is left to learn`
  return finding('truncation', filled > 0 ? 'error' : 'warning', 'drop', found, `${countOf(found.length, 'row')} longer than max_length ${maxLength} under this model${lost}`)
}
