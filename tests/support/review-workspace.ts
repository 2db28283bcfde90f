/** A workspace with a log to review: talks of the built-in world and some written ones, judged by the rules. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { importFiles } from '../../src/backend/imports/import-files.ts'
import { detectorNamed } from '../../src/backend/signals/detectors.ts'
import { runDetector } from '../../src/backend/signals/run-detector.ts'
import { openWorkspace } from '../../src/backend/storage/open.ts'
import { makeConversations } from './fake-conversations.ts'

/** Imports that many talks as a log file would bring them; equal ones count once. Returns how many conversations there are. */
export async function fillReviewWorkspace(path: string, talks: number): Promise<number> {
  mkdirSync(path, { recursive: true })
  const file = join(path, 'log.jsonl')
  const lines = makeConversations(talks).map(({ conversation: { source, model, language, messages } }) => `${JSON.stringify({ source, model, language, messages })}\n`)
  writeFileSync(file, lines.join(''))
  const workspace = openWorkspace(path)
  try {
    const { imported } = await importFiles(workspace.db, [file])
    await runDetector(workspace.db, detectorNamed('rules'))
    return imported
  } finally {
    workspace.close()
    rmSync(file)
  }
}
