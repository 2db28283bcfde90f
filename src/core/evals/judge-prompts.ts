/**
 * What a judge is asked, with the parts and the order of the two benchmarks' own prompts. The wording is this
 * project's: a judge run here is another judge than the leaderboards', which its badge says and a calibration measures.
 */
import type { Message } from '../../shared/types.ts'
import { EMPTY_ANSWER, TRUNCATION_MARK } from './wildbench.ts'

/** Identifiers of the answer shown first and the one shown second. */
export const FIRST = 'm'
export const SECOND = 'M'

export function alpacaMessages(instruction: string, first: string, second: string): Message[] {
  return [
    { role: 'system', content: 'You are an efficient assistant that compares the answers of language models to an instruction and picks the model with the best answer. Your choices become a leaderboard of what people prefer.' },
    {
      role: 'user',
      content: [
        'I need a leaderboard of language models. Below are an instruction that was given to two models and what each of them answered. Decide which answer people would prefer.',
        '## Instruction',
        `{\n  "instruction": """${instruction}"""\n}`,
        '## Model outputs',
        'The outputs in no particular order, each with the identifier of its model.',
        `{\n  {\n    "model_identifier": "${FIRST}",\n    "output": """${first}"""\n  },\n  {\n    "model_identifier": "${SECOND}",\n    "output": """${second}"""\n  }\n}`,
        '## Task',
        `Judge the outputs by quality and relevance and name the model with the best one. Your reply is read by a program: it must be the identifier ${FIRST} or ${SECOND} and nothing else, without quotes, spaces or line breaks.`,
        '## Identifier of the best model',
      ].join('\n\n'),
    },
  ]
}

/** A WildBench task, as its data set has it. */
export type WildBenchTask = { sessionId: string; conversation: readonly Message[]; checklist: readonly string[] }

export function scoreMessages(task: WildBenchTask, answer: string): Message[] {
  return asUser([
    'You evaluate answers of AI models as an expert. Read the conversation and the last query, then judge the answer by the rules below.',
    ...conversationParts(task, Infinity),
    marked('answer', answer),
    ...checklistParts(task),
    '# Rules\n\nWrite down your analysis first, then score the answer from 1 (very poor) to 10 (perfect):\n- 1 to 2: makes no sense.\n- 3 to 4: poor, does not help the user in a meaningful way.\n- 5 to 6: fair, with errors, inventions or missing key information.\n- 7 to 8: good, could be improved in some ways.\n- 9 to 10: helps the user to solve the problem, nothing is missing.',
    '# Output\n\nReply with one JSON object of this form:\n{\n  "strengths": "[strengths of the answer]",\n  "weaknesses": "[weaknesses of the answer]",\n  "score": "[1 to 10]"\n}',
  ])
}

/** Words kept of history, query and answers where two answers are compared. */
const PAIRWISE_WORDS = 1000

export function comparisonMessages(task: WildBenchTask, a: string, b: string): Message[] {
  return asUser([
    'You evaluate answers of AI models as an expert. Read the conversation and the last query, then compare the two answers by the rules below.',
    ...conversationParts(task, PAIRWISE_WORDS),
    marked('answer A', shownAnswer(a)),
    marked('answer B', shownAnswer(b)),
    ...checklistParts(task),
    '# Rules\n\nWrite down your analysis of both answers first, then choose:\n- A++: A is much better.\n- A+: A is slightly better.\n- A=B: both are equally good. Use it sparingly.\n- B+: B is slightly better.\n- B++: B is much better.',
    '# Output\n\nReply with one JSON object of this form:\n{\n  "analysis of A": "[analysis]",\n  "analysis of B": "[analysis]",\n  "reason of A=B": "[where both are equally good]",\n  "reason of A>B": "[where A is better]",\n  "reason of B>A": "[where B is better]",\n  "choice": "[A++, A+, A=B, B+ or B++]"\n}',
  ])
}

/** What a pairwise judge sees of an answer: at most 1000 words, and words for an empty one. */
export const shownAnswer = (text: string): string => (text.trim() === '' ? EMPTY_ANSWER : firstWords(text, PAIRWISE_WORDS))

/** Words are what single spaces part, as upstream counts. */
export function firstWords(text: string, words: number): string {
  const parts = text.split(' ')
  return parts.length > words ? parts.slice(0, words).join(' ') + TRUNCATION_MARK : text
}

function conversationParts({ conversation }: WildBenchTask, words: number): string[] {
  const history = conversation.slice(0, -1).flatMap(({ role, content }) => (role === 'user' ? [`USER: ${content}\n\n`] : role === 'assistant' ? [`ASSISTANT: ${content}\n\n`] : []))
  return ['# Conversation', marked('history', firstWords(history.join(''), words)), marked('query', firstWords(conversation.at(-1)?.content ?? '', words))]
}

const checklistParts = ({ checklist }: WildBenchTask): string[] => checklist.length === 0 ? [] : ['# Checklist', marked('checklist', checklist.map((item) => `- ${item}`).join('\n')), 'Let the checklist guide you, but look beyond it.']
const marked = (name: string, text: string): string => `<|begin of ${name}|>\n${text}\n<|end of ${name}|>`
const asUser = (parts: readonly string[]): Message[] => [{ role: 'user', content: parts.join('\n\n') }]
