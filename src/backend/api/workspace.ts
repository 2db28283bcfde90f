import { basename } from 'node:path'
import type { Handlers, WorkspaceInfo } from '../../shared/contract.ts'
import { recentWorkspaces } from '../recent-workspaces.ts'
import type { Session } from '../session.ts'
import { demoOf } from './demo.ts'
import { keptUntilWritten } from '../storage/kept-until-written.ts'
import type { ReadableDb } from '../storage/open.ts'

export function workspaceApi(session: Session, open: (path: string) => Promise<WorkspaceInfo>) {
  const { path, db, capsule } = session.workspace
  const counts = counter(db)
  return {
    'workspace.info': () => ({ path, name: capsule?.title ?? basename(path), host: session.host, version: session.version, counts: counts(), capsule, demo: demoOf(session) }),
    'workspace.recent': () => recentWorkspaces().map((entry) => ({ ...entry, name: basename(entry.path), current: entry.path === path })),
    'workspace.open': (input) => open(input.path),
    'doctor.run': async () => {
      const { runDoctor } = await import('../doctor.ts')
      return { checks: await runDoctor() }
    },
  } satisfies Pick<Handlers, 'workspace.info' | 'workspace.recent' | 'workspace.open' | 'doctor.run'>
}

function counter(db: ReadableDb): () => WorkspaceInfo['counts'] {
  const counts = db.prepare(`SELECT (SELECT count(*) FROM conversations) AS conversations, (SELECT count(*) FROM datasets) AS datasets, (SELECT count(*) FROM runs) AS runs,
    (SELECT coalesce(sum(dissatisfied_turns + satisfied_turns + neutral_turns), 0) FROM conversations) AS signals`)
  return keptUntilWritten(db, () => counts.get() as WorkspaceInfo['counts'])
}
