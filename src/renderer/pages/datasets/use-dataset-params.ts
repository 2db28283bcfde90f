import { choice, integer, optional, optionalChoice, useParams } from '../../composables/use-params.ts'

/** Which dataset, which of its sides, which row or finding; and the dialog that is open. */
export const useDatasetParams = () =>
  useParams({
    name: optional({ quiet: 'stepping' }),
    tab: choice(['rows', 'lint', 'diff', 'about']),
    row: integer({ quiet: true }),
    view: choice(['text', 'tokens'], { quiet: true }),
    at: optional({ quiet: true }),
    /** Cut-off that the dialog starts with, in hundredths. */
    cut: integer({ quiet: true }),
    /** Kind of the lint finding under the cursor. */
    finding: optional({ quiet: true }),
    /** Lint under this model; none without. */
    model: optional({ quiet: true }),
    maxLength: integer({ quiet: true }),
    /** The dataset compared with; its parent without. */
    against: optional({ quiet: true }),
    dialog: optionalChoice(['build', 'export', 'check'], { quiet: 'stepping' }),
  })

type DatasetParams = ReturnType<typeof useDatasetParams>

/** Opens a dataset on the side that is shown; row, token, finding and partner of the one before are not its own. */
export function openDataset(params: Pick<DatasetParams, 'name' | 'row' | 'at' | 'finding' | 'against'>, name: string): void {
  params.name = name
  params.row = params.at = params.finding = params.against = null
}

/** Opens a row of the dataset among its rows. */
export function openRow(params: Pick<DatasetParams, 'row' | 'at' | 'tab'>, row: number): void {
  // A token belongs to its row.
  if (row !== params.row) params.at = null
  params.row = row
  params.tab = 'rows'
}
