import { resolve } from 'node:path'
import type { Handlers } from '../../shared/contract.ts'
import { exportDataset } from '../datasets/files.ts'
import { datasetThread } from '../datasets/thread.ts'
import type { Session } from '../session.ts'
import { diffDatasets } from '../storage/dataset-diff.ts'
import { listDatasets, pageOfDatasetRows } from '../storage/datasets.ts'

export function datasetsApi(session: Session) {
  const { workspace, push } = session
  const { db } = workspace
  const changed = <Made>(made: Made): Made => {
    push({ type: 'workspace.changed', nouns: ['datasets'] })
    return made
  }
  return {
    'datasets.list': () => listDatasets(db),
    'datasets.rows': ({ name, offset, limit }) => pageOfDatasetRows(db, name, offset, limit),
    'datasets.diff': (input) => diffDatasets(db, input),
    'datasets.build': async (input) => changed(await datasetThread(session).perform('build', input)),
    // A relative path lies in the workspace's exports folder.
    'datasets.export': ({ name, format, path }) => exportDataset(db, name, format, resolve(workspace.exports, path)),
  } satisfies Pick<Handlers, 'datasets.list' | 'datasets.rows' | 'datasets.diff' | 'datasets.build' | 'datasets.export'>
}
