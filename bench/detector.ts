/** Rules and classifier over a workspace, from stored conversations to stored signals; and over turns in memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { detectorNamed } from '../src/backend/signals/detectors.ts'
import { runDetector } from '../src/backend/signals/run-detector.ts'
import { importFiles } from '../src/backend/imports/import-files.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { writeLines } from '../src/backend/write-lines.ts'
import { labelledWorldTurns } from '../src/core/world/labelled-turns.ts'
import type { Figure } from './figure.ts'

const AT_LEAST = 20_000

export async function* measureDetector({ dialogues }: { dialogues: number }): AsyncGenerator<Figure> {
  const conversations = [...Map.groupBy(labelledWorldTurns({ seed: 1, dialogues }), ({ dialogue }) => dialogue)].map(([dialogue, [first]]) => ({ id: String(dialogue), messages: first!.messages }))
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const workspace = openWorkspace(join(folder, 'workspace'))
  try {
    const file = await writeLines(join(folder, 'log.jsonl'), conversations.map((row) => `${JSON.stringify(row)}\n`))
    await importFiles(workspace.db, [file])
    const detector = detectorNamed('classifier')
    const { turns, seconds } = await runDetector(workspace.db, detector)
    yield { name: 'rules and classifier over a workspace', measured: turns / seconds, atMost: null, atLeast: AT_LEAST, unit: 'turns/s', detail: `${turns} turns of ${conversations.length} conversations in ${seconds.toFixed(1)} s, read from and written to the database` }
  } finally {
    workspace.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
