import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, turns } from '../../../tests/support/workspace.ts'
import { listImports } from '../storage/imports.ts'
import { openDatabase } from '../storage/open.ts'

const ROWS = 20_000
/** Milliseconds after the start of the process: before its first batch, within batches, and close to the end. */
const INSTANTS = [30, 150, 300, 340, 380, 420, 470, 530, 610, 700]

test('killed at ten instants and taken up again each time, every row is there exactly once', async () => {
  const folder = aFolder()
  const database = join(folder, 'w.db')
  const file = aJsonlFile(Array.from({ length: ROWS }, (_, i) => (i % 1000 === 500 ? '{"messages": 5}' : { messages: turns(`question ${i}`, `answer ${i}`) })))
  const script = `import { openDatabase } from ${JSON.stringify(new URL('../storage/open.ts', import.meta.url).href)}
    import { importFiles } from ${JSON.stringify(new URL('./import-files.ts', import.meta.url).href)}
    await importFiles(openDatabase(${JSON.stringify(database)}), [${JSON.stringify(file)}], { batchSize: 300 })`
  for (const instant of [...INSTANTS, null]) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: 'inherit' })
    const timer = instant === null ? undefined : setTimeout(() => child.kill('SIGKILL'), instant)
    await new Promise((resolve) => child.on('exit', resolve))
    clearTimeout(timer)
  }
  const db = openDatabase(database)
  try {
    const numbers = db.prepare("SELECT content FROM messages WHERE role = 'user' ORDER BY id").pluck().all()
    expect(numbers).toEqual(Array.from({ length: ROWS }, (_, i) => i).filter((i) => i % 1000 !== 500).map((i) => `question ${i}`))
    expect(db.prepare("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'question'").pluck().get()).toBe(numbers.length)
    expect(db.prepare('SELECT row FROM quarantined_rows ORDER BY id').pluck().all()).toEqual(Array.from({ length: ROWS / 1000 }, (_, i) => i * 1000 + 501))
    // A last run on a finished import reads it again as a new one and finds duplicates alone.
    const sums = listImports(db).reduce((sum, one) => ({ imported: sum.imported + one.imported, stopped: sum.stopped || one.stopped }), { imported: 0, stopped: false })
    expect(sums).toEqual({ imported: numbers.length, stopped: false })
  } finally {
    db.close()
  }
})
