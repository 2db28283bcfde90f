/** A workspace with a log to review: talks of the built-in world and some written ones, judged by the rules. */
import { detectorNamed } from '../../src/backend/signals/detectors.ts'
import { runDetector } from '../../src/backend/signals/run-detector.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { makeConversations } from './fake-conversations.ts'
import { importLog } from './import-log.ts'

/** Imports that many talks as a log file would bring them; equal ones count once. Returns how many conversations there are. */
export async function fillReviewWorkspace(path: string, talks: number): Promise<number> {
  const workspace = openWorkspace(path)
  try {
    const { imported } = await importLog(workspace, makeConversations(talks).map(({ conversation: { source, model, language, messages } }) => ({ source, model, language, messages })))
    await runDetector(workspace.db, detectorNamed('rules'))
    return imported
  } finally {
    workspace.close()
  }
}
