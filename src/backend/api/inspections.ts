import type { Handlers } from '../../shared/contract.ts'
import { inspectorOf } from '../inspect/inspector.ts'
import { listModels, requireModel, roundModels } from '../inspect/models.ts'
import { roundOf } from '../lab/context.ts'
import type { Session } from '../session.ts'
import { readRunFiles } from '../storage/runs.ts'

/** TRL's default, for models that no run of the workspace has trained. */
const DEFAULT_BETA = 0.1

export function inspectionsApi(session: Session) {
  const { workspace } = session
  const { db } = workspace
  const settingsOf = (run: string | null): { beta: number; maxLength: number | null } => {
    if (run === null) return { beta: DEFAULT_BETA, maxLength: null }
    const { training } = readRunFiles(db, run).recipe
    return { beta: training.beta, maxLength: training.max_length }
  }
  return {
    'models.list': () => listModels(workspace),
    'datasets.inspect': ({ name, row, policy, reference }) => {
      const { run } = requireModel(workspace, policy)
      if (reference !== null) requireModel(workspace, reference)
      return inspectorOf(session).inspect({ source: { dataset: name, row }, policy, reference, ...settingsOf(run) })
    },
    'runs.inspect': ({ id, stage, index }) => {
      const models = roundModels(workspace, id, roundOf(stage))
      return inspectorOf(session).inspect({ source: { run: id, stage, index }, ...models, ...settingsOf(id) })
    },
  } satisfies Pick<Handlers, 'models.list' | 'datasets.inspect' | 'runs.inspect'>
}
