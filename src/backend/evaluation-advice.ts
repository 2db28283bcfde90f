/** Whether a run will end with a score and a verdict, and what in the workspace would give it both. */
import { HELDOUT_FROM } from '../core/gradient-verdict.ts'
import type { RecipeCheck } from '../shared/contract.ts'
import type { Recipe } from '../shared/recipe.ts'
import type { Dataset, DatasetKind } from '../shared/types.ts'
import { getDataset, listDatasets, pageOfDatasetRows } from './storage/datasets.ts'
import type { ReadableDb } from './storage/open.ts'

/** Null where nothing is missing. `fields` is empty where the workspace has nothing to evaluate with. */
export function adviseEvaluation(recipe: Recipe, db: ReadableDb): RecipeCheck['evaluation'] {
  const [evaluation] = recipe.evaluation
  const heldout = evaluation?.heldout_pairs == null ? null : getDataset(db, evaluation.heldout_pairs)
  // A file's rows are counted when the run reads it.
  if (evaluation?.heldout_pairs != null && (heldout === null || heldout.rows >= HELDOUT_FROM)) return null
  const few = heldout === null ? '' : `; ${heldout.name} has ${heldout.rows}`
  const why = evaluation === undefined
    ? 'No evaluation: the run will end without a score, and its verdict will be “Cannot tell”.'
    : `No verdict will come (“Cannot tell”): that takes ${HELDOUT_FROM} held-out pairs${few}.`

  const all = listDatasets(db)
  /** Of the kind, none that is trained on; those named like one for tests first. */
  const ofKind = (kind: DatasetKind, least = 1): Dataset[] => {
    const free = all.filter((one) => one.kind === kind && one.rows >= least && ![recipe.dataset, recipe.warm_start?.dataset].includes(one.name))
    return [...free.filter(({ name }) => FOR_TESTS.test(name)), ...free.filter(({ name }) => !FOR_TESTS.test(name) && !FOR_SWEEPS.test(name))]
  }
  const pairs = ofKind('preference', HELDOUT_FROM)[0]
  const heldoutField = pairs === undefined ? [] : [{ path: ['evaluation', '0', 'heldout_pairs'], value: pairs.name }]
  if (evaluation !== undefined) return { why, fields: heldoutField }
  const prompts = ofKind('prompts')[0]
  if (prompts === undefined) return { why, fields: [] }
  const isVerifiable = Boolean(pageOfDatasetRows(db, prompts.name, 0, 1).rows[0]?.task)
  // Who is judged by a scorer that learned from what it trains on looks better than it is: then none is proposed.
  const scorer = isVerifiable ? null : ofKind('feedback')[0]
  if (scorer === undefined) return { why, fields: [] }
  return {
    why,
    fields: [
      { path: ['evaluation', '0', 'dataset'], value: prompts.name },
      ...(scorer === null ? [] : [{ path: ['evaluation', '0', 'type'], value: 'dsat-rate' }, { path: ['evaluation', '0', 'scorer_dataset'], value: scorer.name }]),
      ...heldoutField,
    ],
  }
}

const FOR_TESTS = /test|eval|held/i
const FOR_SWEEPS = /sweep|valid|dev|train|seed/i
