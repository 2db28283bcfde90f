import { wantedReplies } from '../row-texts.ts'
import { type Check, countOf, excerpt, finding, findRows } from './finding.ts'

/** A refusal stands at the beginning of a reply. English; other languages are not looked at. */
const BEGINNING = 240
const REFUSAL = new RegExp(
  [
    "\\bI(?:'m| am)? (?:can(?:no|')t|cannot|won't|will not|not able to|unable to|not allowed to) (?:help|assist|provide|fulfil|fulfill|comply|answer|create|generate|write|engage|discuss|support|do that|share)\\b",
    "\\bI(?:'m| am) sorry,? but I\\b",
    "\\bI (?:must|have to) (?:decline|refuse)\\b",
    "\\bas an AI(?: language)?(?: model| assistant)?,? I (?:can(?:no|')t|cannot|do not|don't|am not|'m not|am unable)",
    "\\bI don't feel comfortable\\b",
    '\\b(?:against|violates?) (?:my|our|openai\'s) (?:programming|guidelines|policies|policy)\\b',
  ].join('|'),
  'i',
)

/** Replies to be learned that decline to answer: the policy learns to refuse. */
export const refusals: Check = (rows) => {
  const found = findRows(rows, (row) => {
    for (const { text } of wantedReplies(row)) {
      const match = REFUSAL.exec(text.slice(0, BEGINNING).replaceAll(/[’‘]/g, "'"))
      if (match !== null) return excerpt(text, match.index)
    }
    return null
  })
  return finding('refusal', 'warning', 'drop', found, `${countOf(found.length, 'row')} whose wanted reply declines to answer`)
}
