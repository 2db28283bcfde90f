/** Which files an evaluation takes, by benchmark and by where its judgements come from; and what is still missing. */
import type { Benchmark, EvaluationFiles } from '../../../shared/evaluation.ts'

export type Source = 'files' | 'judge'
export type Role = keyof EvaluationFiles
export type Field = { role: Role; label: string; hint: string; needed: boolean }

const field = (role: Role, label: string, hint: string, needed = false): Field => ({ role, label, hint, needed })
const difficulty = field('difficulty', 'Difficulty', 'instruction_difficulty.csv; without it there is no length-controlled rate.')
const gamed = field('gamed', 'Gamed baselines', 'df_gamed.csv, the regularisation rows of the length-controlled fit.')
const tags = field('tags', 'Task tags', 'Without them there are no task figures.')
const tasks = field('tasks', 'Tasks', 'Rows of the data set: conversation_input, checklist, tags.', true)

const FIELDS: Record<Source, Record<Benchmark, Field[]>> = {
  files: {
    alpacaeval: [field('annotations', 'Annotations', 'The judge’s file: JSON or JSONL, also .gz.', true), field('outputs', 'Model outputs', 'For the average length.'), difficulty, gamed, field('instructions', 'Full list of instructions', 'Outputs of any model that has all 805; only where the annotations lack some.')],
    'wb-score': [field('scores', 'Scores', 'The judge’s file; a folder eval=NAME names the judge.', true), tags],
    'wb-reward': [field('pairwise', 'Comparisons', 'The judge’s file; a folder eval=NAME names the judge.', true), tags],
  },
  judge: {
    alpacaeval: [field('outputs', 'Model outputs', 'instruction, output, generator.', true), field('baseline', 'Baseline outputs', 'What the model is compared with.', true), difficulty, gamed],
    'wb-score': [tasks, field('outputs', 'Model outputs', 'session_id, output, generator.', true)],
    'wb-reward': [tasks, field('outputs', 'Model outputs', 'session_id, output, generator.', true), field('baseline', 'Reference outputs', 'Answers of the model that is compared with.', true)],
  },
}

/** `calibrating`: published annotations stand in for outputs and baseline, to be judged anew. */
export function fieldsOf(benchmark: Benchmark, source: Source, calibrating: boolean): Field[] {
  if (source === 'judge' && benchmark === 'alpacaeval' && calibrating) return [field('annotations', 'Published annotations', 'Their answers are judged anew; the two judges are then compared.', true), difficulty, gamed]
  return FIELDS[source][benchmark]
}

export type Form = { benchmark: Benchmark; source: Source; calibrating: boolean; files: Partial<Record<Role, string>>; reference: string; url: string; model: string }

/** The first thing that is needed and not there; null where the form can be sent. */
export function missingIn({ benchmark, source, calibrating, files, reference, url, model }: Form): string | null {
  const empty = fieldsOf(benchmark, source, calibrating).find(({ role, needed }) => needed && !files[role]?.trim())
  if (empty !== undefined) return empty.label
  if (benchmark === 'wb-reward' && reference.trim() === '') return 'Reference'
  if (source === 'judge' && url.trim() === '') return 'Endpoint'
  if (source === 'judge' && model.trim() === '') return 'Model'
  return null
}

/** Only the files this form shows: a path typed for another benchmark must not travel along. */
export function filesOf({ benchmark, source, calibrating, files }: Form): EvaluationFiles {
  const given = fieldsOf(benchmark, source, calibrating).map(({ role }) => [role, files[role]?.trim() ?? ''] as const)
  return Object.fromEntries(given.filter(([, path]) => path !== ''))
}
