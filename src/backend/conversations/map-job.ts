/** Making the map as a job of the session; cancelled, it goes on where it was when it is started again. */
import { randomUUID } from 'node:crypto'
import type { Job } from '../../shared/types.ts'
import { runInProcess } from '../jobs/run-in-process.ts'
import { singleJob } from '../jobs/single-job.ts'
import { stageProgress } from '../progress-rate.ts'
import { perSession, type Session } from '../session.ts'

/** The map job of a session. */
export const mapJobOf = perSession(makeMapJob)

function makeMapJob(session: Session): { start(folder: string | null): Job } {
  const single = singleJob(session, 'a job')
  let made: string | null = null
  return {
    start(folder) {
      const current = single.current()
      if (current?.status === 'running' && made === folder) return current
      single.requireFree('conversations.makeMap: another map is being made')
      made = folder
      return single.start(
        { id: `map-${randomUUID().slice(0, 8)}`, kind: 'map', title: 'map of conversations', stage: 'starting' },
        (signal, change) => runInProcess(session, { workspace: session.workspace.path, map: { folder } }, { work: 'making the map', log: 'map.log', signal, onProgress: stageProgress(change) }),
        () => session.push({ type: 'workspace.changed', nouns: ['conversations'] }),
      )
    },
  }
}
