import type { WritableDb } from '../open.ts'
import { conversationsAndDatasets } from './0001-conversations-and-datasets.ts'
import { runs } from './0002-runs.ts'
import { importFiles } from './0003-import-files.ts'
import { judgedEvaluations } from './0004-judged-evaluations.ts'
import { review } from './0005-review.ts'
import { datasets } from './0006-datasets.ts'
import { groupsAndDeletion } from './0007-groups-and-deletion.ts'
import { browsing } from './0008-browsing.ts'
import { races } from './0009-races.ts'
import { tripwires } from './0010-tripwires.ts'
import { runMarks } from './0011-run-marks.ts'
import { conversationMap } from './0012-conversation-map.ts'
import { raceSweeps } from './0013-race-sweeps.ts'
import { keptResults } from './0014-kept-results.ts'
import { untoldEntropy } from './0015-untold-entropy.ts'
import { keptColumnsApart } from './0016-kept-columns-apart.ts'
import { peakMemory } from './0017-peak-memory.ts'
import { quarantineMending } from './0018-quarantine-mending.ts'
import { answers } from './0019-answers.ts'
import { stepSystem } from './0020-step-system.ts'
import { datasetDrafts } from './0021-dataset-drafts.ts'

export type Migration = { number: number; name: string; up: (db: WritableDb) => void }

/** Append-only, numbers rising by one. A released migration is never edited. */
export const migrations: readonly Migration[] = [
  { number: 1, name: 'conversations-and-datasets', up: conversationsAndDatasets },
  { number: 2, name: 'runs', up: runs },
  { number: 3, name: 'import-files', up: importFiles },
  { number: 4, name: 'judged-evaluations', up: judgedEvaluations },
  { number: 5, name: 'review', up: review },
  { number: 6, name: 'datasets', up: datasets },
  { number: 7, name: 'groups-and-deletion', up: groupsAndDeletion },
  { number: 8, name: 'browsing', up: browsing },
  { number: 9, name: 'races', up: races },
  { number: 10, name: 'tripwires', up: tripwires },
  { number: 11, name: 'run-marks', up: runMarks },
  { number: 12, name: 'conversation-map', up: conversationMap },
  { number: 13, name: 'race-sweeps', up: raceSweeps },
  { number: 14, name: 'kept-results', up: keptResults },
  { number: 15, name: 'untold-entropy', up: untoldEntropy },
  { number: 16, name: 'kept-columns-apart', up: keptColumnsApart },
  { number: 17, name: 'peak-memory', up: peakMemory },
  { number: 18, name: 'quarantine-mending', up: quarantineMending },
  { number: 19, name: 'answers', up: answers },
  { number: 20, name: 'step-system', up: stepSystem },
  { number: 21, name: 'dataset-drafts', up: datasetDrafts },
]
