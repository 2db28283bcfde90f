import { choice, optional, optionalChoice, useParams } from '../../composables/use-params.ts'
import { BENCHMARKS } from '../../../shared/evaluation.ts'

/** Which benchmark, which evaluation, which set of answers, and the dialog that is open. `calibrate` is the id whose answers are to be judged anew, `judge` the set that is to be judged. */
export const useEvaluationParams = () =>
  useParams({
    of: choice(BENCHMARKS),
    id: optional({ quiet: 'stepping' }),
    answers: optional({ quiet: 'stepping' }),
    dialog: optionalChoice(['files', 'judge', 'answer'], { quiet: 'stepping' }),
    calibrate: optional({ quiet: true }),
    judge: optional({ quiet: true }),
  })
