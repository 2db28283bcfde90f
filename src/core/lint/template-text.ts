/** Text that only a chat template should write: special tokens, role headers, a reply that goes on as the user. */
import type { DatasetRow } from '../../shared/datasets.ts'
import { mapTexts, repliesOf, textsOf } from '../row-texts.ts'
import { type Check, countOf, excerpt, finding, findRows } from './finding.ts'

/** Special tokens of the common templates: ChatML, Llama 2 and 3, Gemma, Mistral, DeepSeek, GPT-2. */
const SPECIAL = /<\|[a-z0-9_]{2,40}\|>|<｜[^｜>]{2,40}｜>|<\/s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>|\[\/?INST\]|<<\/?SYS>>/giu
/** A line that begins a turn: the reply went on where it should have ended. */
const NEXT_TURN = /\n\s*(?:#{1,3} ?)?(?:Human|User|### Instruction|### Response|Assistant)\s*:[ \n]/

export const templateText: Check = (rows, model) => {
  const own = model?.specialTokens ?? []
  const found = findRows(rows, (row) => {
    for (const text of textsOf(row)) {
      const special = text.match(SPECIAL)?.[0] ?? own.find((token) => text.includes(token))
      if (special !== undefined) return special
    }
    for (const { text } of repliesOf(row)) {
      const match = NEXT_TURN.exec(text)
      if (match !== null) return excerpt(text, match.index, 40)
    }
    return null
  })
  return finding('template-text', 'error', 'mask', found, `${countOf(found.length, 'row')} with special tokens or role headers in their text`)
}

/** Under a model: its template ends no reply with an end-of-sequence token, so the policy never learns to stop. */
export const missingEos: Check = (rows, model) => {
  const found = model === null ? [] : findRows(rows, (_, at) => (model.tokens[at]?.ended === false ? 'no end-of-sequence token after the reply' : null))
  return finding('missing-eos', 'error', null, found, `${countOf(found.length, 'row')} whose replies this model’s template does not end: choose a model whose chat template writes its end-of-sequence token`)
}

/** The row without special tokens, replies cut where they go on as another turn. */
export function withoutTemplateText(row: DatasetRow, specialTokens: readonly string[] = []): DatasetRow {
  const clean = (text: string): string => specialTokens.reduce((rest, token) => rest.replaceAll(token, ''), text.replaceAll(SPECIAL, '')).trim()
  const reply = (text: string): string => clean(text.slice(0, NEXT_TURN.exec(text)?.index))
  const cleaned = mapTexts(row, clean)
  if ('chosen' in row && 'chosen' in cleaned) return { ...cleaned, chosen: reply(row.chosen), rejected: reply(row.rejected) }
  return 'reply' in row && 'reply' in cleaned ? { ...cleaned, reply: reply(row.reply) } : cleaned
}
