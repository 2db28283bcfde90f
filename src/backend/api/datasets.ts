import { resolve } from 'node:path'
import type { Handlers } from '../../shared/contract.ts'
import { exportDataset } from '../datasets/files.ts'
import type { Session } from '../session.ts'
import { buildDataset, listDatasets, pageOfDatasetRows } from '../storage/datasets.ts'

export function datasetsApi({ workspace, push }: Session) {
  const { db } = workspace
  return {
    'datasets.list': () => listDatasets(db),
    'datasets.rows': ({ name, offset, limit }) => pageOfDatasetRows(db, name, offset, limit),
    'datasets.build': (input) => {
      const dataset = buildDataset(db, input)
      push({ type: 'workspace.changed', nouns: ['datasets'] })
      return dataset
    },
    // A relative path lies in the workspace's exports folder.
    'datasets.export': ({ name, format, path }) => exportDataset(db, name, format, resolve(workspace.exports, path)),
  } satisfies Pick<Handlers, 'datasets.list' | 'datasets.rows' | 'datasets.build' | 'datasets.export'>
}
