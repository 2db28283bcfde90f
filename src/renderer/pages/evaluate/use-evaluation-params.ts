import { choice, optional, optionalChoice, useParams } from '../../composables/use-params.ts'
import { BENCHMARKS } from '../../../shared/evaluation.ts'

/** Which benchmark, which evaluation, and the dialog that is open. `calibrate` is the id whose answers are to be judged anew. */
export const useEvaluationParams = () =>
  useParams({
    of: choice(BENCHMARKS),
    id: optional({ quiet: 'stepping' }),
    dialog: optionalChoice(['files', 'judge'], { quiet: 'stepping' }),
    calibrate: optional({ quiet: true }),
  })
