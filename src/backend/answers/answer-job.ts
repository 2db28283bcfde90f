/** Answering a benchmark's prompts as a job of the session, in a process of its own; cancelled, the answers that came stay. */
import type { Job } from '../../shared/types.ts'
import { runInProcess } from '../jobs/run-in-process.ts'
import { singleJob } from '../jobs/single-job.ts'
import { stageProgress } from '../progress-rate.ts'
import { perSession, type Session } from '../session.ts'
import { requireAnswers, stopAnswers } from '../storage/answers.ts'

export type AnswerJob = {
  /** @throws BackendError where another set is being answered: two models at once may be more than the memory holds. */
  requireFree(): void
  start(id: string): Job
}

/** The answering job of a session. */
export const answerJobOf = perSession(makeAnswerJob)

function makeAnswerJob(session: Session): AnswerJob {
  const single = singleJob(session, 'a set of answers')
  const { db, path } = session.workspace
  return {
    requireFree: () => single.requireFree(`answers: another set is being answered (${single.current()?.title})`),
    start(id) {
      const work = async (signal: AbortSignal, change: (part: Partial<Job>) => void): Promise<void> => {
        try {
          await runInProcess(session, { workspace: path, answer: { id } }, { work: 'answering', log: 'answers.log', signal, onProgress: stageProgress(change) })
        } catch (error) {
          // A process that was killed could not say so itself.
          const open = requireAnswers(db, id).status
          if (open === 'running' || open === 'interrupted') stopAnswers(db, id, signal.aborted ? 'cancelled' : 'failed', signal.aborted ? null : error instanceof Error ? error.message : String(error), new Date().toISOString())
          throw error
        }
      }
      return single.start({ id: `answers-${id}`, kind: 'evaluation', title: `answers of ${requireAnswers(db, id).generator}`, stage: 'starting' }, work, () => session.push({ type: 'workspace.changed', nouns: ['evaluations'] }))
    },
  }
}
