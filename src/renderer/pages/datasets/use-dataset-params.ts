import { choice, integer, optional, optionalChoice, useParams } from '../../composables/use-params.ts'

/** Which dataset, which of its sides, which row; and the dialog that is open. */
export const useDatasetParams = () =>
  useParams({
    name: optional({ quiet: 'stepping' }),
    tab: choice(['rows', 'about']),
    row: integer({ quiet: true }),
    view: choice(['text', 'tokens'], { quiet: true }),
    at: optional({ quiet: true }),
    /** Cut-off that the dialog starts with, in hundredths. */
    cut: integer({ quiet: true }),
    dialog: optionalChoice(['build', 'export'], { quiet: 'stepping' }),
  })
