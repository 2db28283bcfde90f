import { resolve } from 'node:path'
import type { Handlers } from '../../shared/contract.ts'
import { checkJobOf } from '../datasets/check-job.ts'
import { datasetThread } from '../datasets/thread.ts'
import { folderOf, requireModel } from '../inspect/models.ts'
import type { Session } from '../session.ts'
import { listDatasets, pageOfDatasetRows } from '../storage/datasets.ts'

export function datasetsApi(session: Session) {
  const { workspace, push } = session
  const { db } = workspace
  const thread = () => datasetThread(session)
  const changed = <Made>(made: Made): Made => {
    push({ type: 'workspace.changed', nouns: ['datasets'] })
    return made
  }
  const folder = (model: string | null): string | null => (model === null ? null : folderOf(workspace, requireModel(workspace, model).path))
  return {
    'datasets.list': () => listDatasets(db),
    'datasets.rows': ({ name, offset, limit }) => pageOfDatasetRows(db, name, offset, limit),
    'datasets.diff': (input) => thread().perform('diff', input, `difference of ${input.before} and ${input.after}`),
    'datasets.build': async (input) => changed(await thread().perform('build', input, `dataset ${input.name}`)),
    'datasets.lint': ({ name, model, maxLength }) => thread().perform('lint', { name, model: folder(model), maxLength }, `lint of ${name}`),
    'datasets.fix': async ({ model, ...input }) => changed(await thread().perform('fix', { ...input, model: folder(model) }, `fix of ${input.name}`)),
    'datasets.check': async (input) => {
      if (input.folder === null) return changed(await thread().perform('check', input, `check of ${input.name}`))
      const check = { ...input, folder: resolve(workspace.path, input.folder) }
      // Loaded when asked for: an idle backend does without tokenizers.
      ;(await import('../../engine/sentence-folder.ts')).readSentenceFolder(check.folder)
      return changed(await checkJobOf(session).run(check))
    },
    // A relative path lies in the workspace's exports folder.
    'datasets.export': (input) => thread().perform('export', { ...input, path: resolve(workspace.exports, input.path) }, `export of ${input.name}`),
  } satisfies Pick<Handlers, 'datasets.list' | 'datasets.rows' | 'datasets.diff' | 'datasets.build' | 'datasets.lint' | 'datasets.fix' | 'datasets.check' | 'datasets.export'>
}
