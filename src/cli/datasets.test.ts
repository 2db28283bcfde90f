import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, turns } from '../../tests/support/workspace.ts'
import { importFiles } from '../backend/imports/import-files.ts'
import { openWorkspace } from '../backend/storage/open.ts'

type Ended = { code: number; out: unknown; stdout: string; stderr: string }

/** `drift dataset …` in a process of its own; `out` is its one JSON line. */
function dataset(workspace: string, ...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'index.ts'), 'dataset', ...words, '--workspace', workspace], (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, out: stdout.startsWith('{') ? JSON.parse(stdout) : null, stdout, stderr })
    })
  })
}

test('build with options, lint, fix, check, diff, export: one JSON object each', { timeout: 120_000 }, async () => {
  const folder = join(aFolder(), 'w')
  const workspace = openWorkspace(folder)
  const labels = [{ turn_index: 2, dsat: true }, { turn_index: 4, dsat: false, sat: true }]
  const chats = Array.from({ length: 12 }, (_, i) => ({ source: i < 8 ? 'a' : 'b', messages: turns(`question ${i}`, `bad ${i}`, 'no', i === 0 ? 'bad 0!' : `good ${i}, see ana@mail.de`, 'thanks'), labels }))
  await importFiles(workspace.db, [aJsonlFile(chats)])
  workspace.close()

  const build = (...words: string[]) => dataset(folder, 'build', '--kind', 'preference', '--json', ...words)
  expect((await build('--name', 'pairs', '--deciders', 'imported', '--dedup', 'exact', '--held-out', '0.25', '--seed', '3')).out).toMatchObject({ name: 'pairs', rows: 9, recipe: { deciders: ['imported'], dedup: 'exact', heldOut: { dataset: 'pairs-heldout', rows: 3 }, seed: 3 } })
  expect((await build('--name', 'all', '--max-per-source', '4')).out).toMatchObject({ rows: 8 })
  expect(await build('--name', 'x', '--deciders', 'oracle')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('expected names of human') as string })

  expect((await build('--name', 'found', '--conversations', 'question source:b')).out).toMatchObject({ rows: 4, recipe: { conversations: { filter: { query: 'question', source: 'b' } } } })
  expect(await build('--name', 'x', '--conversations', 'colour:red')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('expected a field among') as string })

  expect((await build('--name', 'whole')).out).toMatchObject({ rows: 12 })
  expect((await dataset(folder, 'lint', '--dataset', 'whole', '--json')).out).toMatchObject({ rows: 12, findings: [{ kind: 'identical-sides', severity: 'error', total: 1, rows: [{ row: 0 }] }, { kind: 'personal-data' }] })
  expect((await dataset(folder, 'lint', '--dataset', 'whole')).stdout).toMatch(/error +identical-sides: 1 pair whose sides say the same \(drift dataset fix --fix identical-sides: drop\)/)
  expect((await dataset(folder, 'fix', '--dataset', 'whole', '--fix', 'identical-sides', '--json')).out).toMatchObject({ name: 'whole-2', rows: 11 })
  expect((await dataset(folder, 'diff', 'whole', 'whole-2', '--json')).out).toMatchObject({ counts: { added: 0, removed: 1, changed: 0, same: 11 } })
  expect((await dataset(folder, 'check', '--dataset', 'whole', '--against', aJsonlFile([{ instruction: 'Question 4' }]), '--json')).out).toMatchObject({ rows: [4], counts: { exact: 1 } })
  const output = join(folder, 'exports', 'hub')
  expect((await dataset(folder, 'export', '--dataset', 'pairs', '--format', 'hf', '--mask', '--output', output, '--json')).out).toEqual({ path: output, rows: 12 })
  expect(existsSync(join(output, 'data/test-00000-of-00001.parquet'))).toBe(true)
  expect(readFileSync(join(output, 'README.md'), 'utf8')).toContain('is masked')
})
