import { resolve } from 'node:path'
import type { Handlers, WorkspaceInfo } from '../../shared/contract.ts'
import { openCapsule } from '../capsules/open-capsule.ts'
import { saveCapsule } from '../capsules/save-capsule.ts'
import { explorationsOf } from '../comparisons/explorations.ts'
import type { Session } from '../session.ts'

export function capsulesApi(session: Session, open: (path: string) => Promise<WorkspaceInfo>) {
  const { workspace, version } = session
  return {
    'capsules.save': ({ of, path, models }) => saveCapsule(workspace, { of, output: resolve(workspace.exports, path), withModels: models }, version, (ids) => explorationsOf(session).reportParts(ids)),
    'capsules.open': async ({ path }) => open((await openCapsule(path)).folder),
  } satisfies Pick<Handlers, 'capsules.save' | 'capsules.open'>
}
