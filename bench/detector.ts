/** Rules and classifier over a workspace, from stored conversations to stored signals: short made-up talks, and with --full a million turns of a million long conversations. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { detectorNamed } from '../src/backend/signals/detectors.ts'
import { runDetector } from '../src/backend/signals/run-detector.ts'
import { importFiles } from '../src/backend/imports/import-files.ts'
import { openWorkspace, type Workspace } from '../src/backend/storage/open.ts'
import { writeLines } from '../src/backend/write-lines.ts'
import { labelledWorldTurns } from '../src/core/world/labelled-turns.ts'
import { browseWorkspace } from './browse-workspace.ts'
import type { Figure } from './figure.ts'
import { CONVERSATIONS } from './search.ts'

const AT_LEAST = 20_000
const DIALOGUES = 20_000
const TURNS = 1_000_000

export async function* measureDetector({ full }: { full: boolean }): AsyncGenerator<Figure> {
  yield inWorkspace(async (workspace, folder) => {
    const conversations = [...Map.groupBy(labelledWorldTurns({ seed: 1, dialogues: DIALOGUES }), ({ dialogue }) => dialogue)].map(([dialogue, [first]]) => ({ id: String(dialogue), messages: first!.messages }))
    await importFiles(workspace.db, [await writeLines(join(folder, 'log.jsonl'), conversations.map((row) => `${JSON.stringify(row)}\n`))])
    return { name: 'rules and classifier over a workspace', what: 'short talks of the built-in world' }
  })
  if (!full) return
  const whole = await browseWorkspace(CONVERSATIONS)
  yield inWorkspace(() => Promise.resolve({ name: `rules and classifier, ${TURNS.toLocaleString('en-US')} turns`, what: `long messages, ${CONVERSATIONS.toLocaleString('en-US')} conversations` }), join(whole, 'workspace.db'))
}

/** @param database copied first; a new one where left out */
async function inWorkspace(fill: (workspace: Workspace, folder: string) => Promise<{ name: string; what: string }>, database?: string): Promise<Figure> {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  if (database !== undefined) copyFileSync(database, join(folder, 'workspace.db'))
  const workspace = openWorkspace(folder)
  try {
    const { name, what } = await fill(workspace, folder)
    const answered = workspace.db.prepare("SELECT count(*) FROM signals WHERE decider = 'classifier'").pluck()
    const enough = new AbortController()
    const started = performance.now()
    let turns = 0
    try {
      ({ turns } = await runDetector(workspace.db, detectorNamed('classifier'), { signal: enough.signal, onProgress: ({ turns: judged }) => void (judged >= TURNS && enough.abort()) }))
    } catch (error) {
      if (!enough.signal.aborted) throw error
      turns = answered.get() as number
    }
    const seconds = (performance.now() - started) / 1000
    return { name, measured: turns / seconds, atMost: null, atLeast: AT_LEAST, unit: 'turns/s', detail: `${turns.toLocaleString('en-US')} turns in ${seconds.toFixed(1)} s, read from and written to the database: ${what}` }
  } finally {
    workspace.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
