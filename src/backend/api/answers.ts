import { answerJobOf } from '../answers/answer-job.ts'
import { answerSpeedsOf } from '../answers/answer-speed.ts'
import { estimateAnswers } from '../answers/estimate-answers.ts'
import { prepareAnswers } from '../answers/prepare-answers.ts'
import type { CallName, Handlers } from '../../shared/contract.ts'
import type { Session } from '../session.ts'
import { insertAnswers, listAnswers, readAnswerRows, requireAnswers, restartAnswers, setAnswersRemoved } from '../storage/answers.ts'

export function answersApi(session: Session) {
  const { workspace, push } = session
  const { db } = workspace
  const job = answerJobOf(session)
  const speeds = answerSpeedsOf(session)
  const changed = (): void => push({ type: 'workspace.changed', nouns: ['evaluations'] })
  return {
    'answers.list': () => listAnswers(db),
    'answers.start': async ({ answers }) => {
      job.requireFree()
      const prepared = await prepareAnswers(workspace, answers)
      job.requireFree()
      speeds.stop()
      const id = insertAnswers(db, prepared, new Date().toISOString())
      changed()
      return { id, jobId: job.start(id).id }
    },
    'answers.estimate': async ({ answers }) => estimateAnswers(db, await prepareAnswers(workspace, answers), speeds.known(answers)),
    'answers.measure': async ({ answers }) => {
      const prepared = await prepareAnswers(workspace, answers)
      if (speeds.known(answers) === null) job.requireFree()
      return estimateAnswers(db, prepared, await speeds.measure(answers))
    },
    'answers.resume': ({ id }) => {
      job.requireFree()
      speeds.stop()
      restartAnswers(db, id)
      changed()
      return { jobId: job.start(id).id }
    },
    'answers.rows': ({ id, ...page }) => ({ total: requireAnswers(db, id).done, rows: readAnswerRows(db, id, page) }),
    'answers.remove': ({ id, removed }) => {
      setAnswersRemoved(db, id, removed)
      changed()
      return { id }
    },
  } satisfies Pick<Handlers, Extract<CallName, `answers.${string}`>>
}
