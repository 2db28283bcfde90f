import { isComparable } from '../../core/evals/badge.ts'
import { differences } from '../../core/evals/calibration.ts'
import type { Handlers } from '../../shared/contract.ts'
import { dataJobs } from '../data-jobs.ts'
import { BackendError } from '../errors.ts'
import { readCalibrations, toRow } from '../evaluations/calibrations.ts'
import { estimateJudging, nameOf } from '../evaluations/run-evaluation.ts'
import { environmentKey } from '../judge/judge-settings.ts'
import type { Session } from '../session.ts'
import { answeredFiles } from '../storage/answers.ts'
import { insertEvaluation, listEvaluations, readValues, requireEvaluation, restartEvaluation, setEvaluationRemoved, type StoredEvaluation } from '../storage/judged-evaluations.ts'

export function evaluationsApi(session: Session) {
  const { workspace, push } = session
  const { db } = workspace
  const changed = (): void => push({ type: 'workspace.changed', nouns: ['evaluations'] })
  const work = (id: string): string => {
    changed()
    return dataJobs(session).start(`evaluation ${id}`, { kind: 'evaluation', id }).id
  }
  return {
    'evaluations.list': () => {
      const calibrations = readCalibrations(db)
      const answered = answeredFiles(db)
      return { rows: listEvaluations(db).map((stored) => toRow(stored, calibrations, answered)), calibrations, key: environmentKey() !== null }
    },
    'evaluations.start': ({ evaluation }) => {
      const id = insertEvaluation(db, evaluation, nameOf(evaluation), new Date().toISOString())
      return { id, jobId: work(id) }
    },
    'evaluations.resume': ({ id }) => {
      restartEvaluation(db, id)
      return { jobId: work(id) }
    },
    'evaluations.estimate': ({ evaluation }) => estimateJudging(workspace, evaluation),
    'evaluations.remove': ({ id, removed }) => {
      setEvaluationRemoved(db, id, removed)
      changed()
      return { id }
    },
    'evaluations.differences': ({ ids }) => {
      const [first, ...others] = ids.map((id) => requireEvaluation(db, id)) as [StoredEvaluation, ...StoredEvaluation[]]
      const other = others.find(({ benchmark }) => benchmark !== first.benchmark)
      if (other !== undefined) throw new BackendError('bad-input', `evaluations.differences: expected evaluations of one benchmark, got ${first.benchmark} (${first.id}) and ${other.benchmark} (${other.id})`)
      const apart = others.find((row) => !isComparable(row, first))
      if (apart !== undefined) throw new BackendError('bad-input', `evaluations.differences: expected evaluations against one reference under one length margin, got ${first.reference} at K = ${first.input.k} (${first.id}) and ${apart.reference} at K = ${apart.input.k} (${apart.id})`)
      return differences(first.benchmark, readValues(db, first.id), others.map(({ id }) => ({ id, values: readValues(db, id) })))
    },
  } satisfies Pick<Handlers, 'evaluations.list' | 'evaluations.start' | 'evaluations.resume' | 'evaluations.estimate' | 'evaluations.remove' | 'evaluations.differences'>
}
