/** Files as published judges leave them, of made-up models, for specs of the evaluate page. All texts are the project's own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OFFICIAL_BASELINE, OFFICIAL_JUDGE } from '../../src/core/evals/alpacaeval.ts'
import { makeRng } from '../../src/core/rng.ts'

export const ANSWERS = 160
const REQUESTS = ['Name three birds that', 'Write one line about a', 'Give a rule for naming a', 'Explain in a sentence the']
const TAGS = ['Creative Writing', 'Planning', 'Math', 'Advice seeking', 'Coding & Debugging']

/** `skill` moves the model's win probability, `length` is its mean length against the baseline's. */
type Model = { name: string; skill: number; length: number }
const ALPACA_MODELS: Model[] = [
  { name: 'aster-7b', skill: 0.9, length: 1 },
  { name: 'birch-7b-verbose', skill: 0.2, length: 1.8 },
  { name: 'cedar-3b', skill: -1.6, length: 0.9 },
]

/** Writes everything below `folder` and returns where it lies. */
export function writeEvaluationFiles(folder: string) {
  const rng = makeRng('evaluation-files')
  const difficulty = Array.from({ length: ANSWERS }, () => rng.normal())
  const baseline = Array.from({ length: ANSWERS }, () => 60 + rng.int(120))
  const text = (length: number): string => 'lorem ipsum '.repeat(Math.ceil(length / 12)).slice(0, length)
  const write = (name: string, content: string): string => {
    const file = join(folder, name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, content)
    return file
  }
  const annotations = Object.fromEntries(
    ALPACA_MODELS.map(({ name, skill, length }) => {
      const rows = baseline.map((base, i) => {
        const own = Math.max(4, Math.round(base * length * (0.6 + 0.8 * rng.next())))
        const p = 1 / (1 + Math.exp(-(skill + 0.6 * difficulty[i]! + 2.5 * Math.tanh((own - base) / 40) + rng.normal())))
        return { instruction: `${REQUESTS[i % REQUESTS.length]} ${i}`, output_1: text(base), output_2: text(own), generator_1: OFFICIAL_BASELINE, generator_2: name, annotator: OFFICIAL_JUDGE, preference: 1 + p }
      })
      return [name, write(join(name, 'annotations.json'), JSON.stringify(rows))]
    }),
  )
  const sessions = Array.from({ length: 100 }, (_, i) => `session-${i}`)
  const scores = Object.fromEntries(
    (['aster-7b', 'cedar-3b'] as const).map((name, at) => {
      const rows = sessions.map((session_id, i) => ({ session_id, score: String(Math.max(1, Math.min(10, Math.round(6.4 - 1.6 * at - 0.5 * (i % 5) + rng.normal())))), model_test: name, model_output: text(100 + rng.int(200)) }))
      return [name, write(join('eval=gpt-4o-2024-05-13', `${name}.json`), JSON.stringify(rows))]
    }),
  )
  return {
    annotations,
    scores,
    difficulty: write('instruction_difficulty.csv', ['index,instruction_difficulty', ...difficulty.map((value, i) => `${i},${value}`)].join('\n')),
    tags: write('tags.jsonl', sessions.map((session_id, i) => JSON.stringify({ session_id, primary_tag: TAGS[i % 5], secondary_tags: i % 3 === 0 ? [TAGS[(i + 1) % 5]] : [] })).join('\n')),
    duel: Object.fromEntries((['ash', 'oak'] as const).map((generator) => [generator, write(`${generator}.json`, JSON.stringify([1, 2, 3].map((i) => ({ instruction: `Name a tree, ${i}`, output: `${generator} ${i}`, generator }))))])) as Record<'ash' | 'oak', string>,
    twice: write(join('twice', 'annotations.json'), JSON.stringify([0, 0].map(() => ({ instruction: 'same', output_1: 'a', output_2: 'b', generator_1: OFFICIAL_BASELINE, generator_2: 'twice', annotator: OFFICIAL_JUDGE, preference: 1.2 })))),
  }
}
