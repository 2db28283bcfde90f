/** From an answer back to what taught it: its checkpoint, the rounds before it, the training pairs nearest to it, and the words of the users behind those. */
import { BASE_ROUND, WARM_START_ROUND } from '../../core/comparison.ts'
import { embed, EMBEDDING_WORDS } from '../../core/embedding.ts'
import type { AnswerLineage } from '../../shared/comparison.ts'
import type { PromptRow } from '../../shared/types.ts'
import { BackendError } from '../errors.ts'
import { evaluatedRuns } from '../storage/comparisons.ts'
import { readDatasetRows } from '../storage/datasets.ts'
import type { ReadableDb } from '../storage/open.ts'
import { listStages, readStoredSamples } from '../storage/run-stages.ts'

/** `prompt` is its place in `dataset`, one that the run was evaluated on; without it the first. */
export type LineageInput = { run: string; round: number; dataset?: string | undefined; prompt: number; sample: number; temperature: number }

const NEAREST = 6

export function lineageOf(db: ReadableDb, { run: id, round, dataset: named, prompt: index, sample, temperature }: LineageInput): AnswerLineage {
  const { runs: [found], config } = evaluatedRuns(db, [id])
  const dataset = named ?? config?.dataset
  const row = dataset !== undefined && db.prepare('SELECT text, score, pass FROM run_evaluations WHERE run_id = ? AND round = ? AND dataset = ? AND temperature = ? AND prompt_index = ? AND sample_index = ?').get(id, round, dataset, temperature, index, sample) as { text: string; score: number; pass: number } | undefined
  const asked = row && dataset !== undefined ? readDatasetRows<PromptRow>(db, dataset)[index]?.prompt : undefined
  if (!found || !row || !asked) throw new BackendError('not-found', `lineage: expected an answer of run ${id} at round ${round}, T = ${temperature}, got sample ${sample} to prompt ${index}, which is not there. \`comparisons.answers\` lists what there is.`)
  const all = listStages(db, id)
  const stages = all.filter(({ kind, status, key }) => kind === 'train' && status === 'done' && !key.startsWith('reward/'))
  const trained = stages.filter((stage) => stage.round <= round).sort((a, b) => b.round - a.round)
  const own = stages.find((stage) => stage.round === round)
  const pairs = all
    .filter(({ kind, key, round: at }) => kind === 'sample' && at >= 1 && at <= round && key.endsWith('/sample'))
    .flatMap((stage) => readStoredSamples(db, id, stage.key).map((stored, place) => ({ stage: stage.key, round: stage.round, index: place, stored })))
  const [query, ...rows] = embed([`${requestOf(asked)}\n${row.text}`, ...pairs.map(({ stored }) => `${requestOf(stored.prompt)}\n${stored.text}`)])
  const likeness = rows.map((one) => one.reduce((sum, value, d) => sum + value * query![d]!, 0))
  const nearest = likeness.map((similarity, i) => ({ similarity, ...pairs[i]! })).sort((a, b) => b.similarity - a.similarity).slice(0, NEAREST)
  return {
    answer: { text: row.text, score: row.score, pass: row.pass === 1, prompt: asked },
    checkpoint: round === BASE_ROUND || (round === WARM_START_ROUND && own === undefined) ? found.run.baseModel : `runs/${id}/models/${round === WARM_START_ROUND ? 'warm-start' : `round-${round}`}`,
    trainedBy: trained.map(({ key, round: at, startsFrom, summary }) => ({ stage: key, round: at, startsFrom, pairs: Number(summary['pairs'] ?? 0) })),
    embedding: EMBEDDING_WORDS,
    pairs: pairs.length,
    nearest: nearest.map(({ similarity, stage, round: at, index: place, stored }) => ({
      similarity, stage, round: at, index: place, sampled: stored.text, logged: stored.rejected, userFeedback: stored.userFeedback,
      prompt: requestOf(stored.prompt), conversationId: stored.conversationId, turnIndex: stored.turnIndex,
    })),
  }
}

/** What the answer is to: the last message. */
const requestOf = (prompt: PromptRow['prompt'] | string): string => (typeof prompt === 'string' ? prompt : (prompt.at(-1)?.content ?? ''))
