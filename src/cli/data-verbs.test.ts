import { execFile, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, onTestFinished, test, vi } from 'vitest'
import { aChatServer } from '../../tests/support/chat-server.ts'
import { labelledWorldTurns } from '../core/world/labelled-turns.ts'
import { aFolder, aJsonlFile, turns } from '../../tests/support/workspace.ts'
import { openWorkspace } from '../backend/storage/open.ts'
import { appendEntry } from '../backend/storage/review.ts'

type Ended = { code: number; out: unknown[]; stdout: string; stderr: string }

/** `drift …` in a process of its own; `out` is stdout as JSON lines. */
function drift(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'index.ts'), ...words], (_, stdout, stderr) => {
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
      resolve({ code: child.exitCode ?? -1, out: lines.map((line): unknown => JSON.parse(line)), stdout, stderr })
    })
  })
}

const log = [
  { id: 'a', source: 'log', messages: turns('two fruits', 'kiwi', "that's not two", 'kiwi, fig', 'thanks'), labels: [{ turn_index: 2, dsat: true, ratings: [1, 2, 2] }, { turn_index: 4, dsat: false, sat: true, ratings: [5, 4, 4] }] },
  { id: 'b', messages: turns('a joke', 'no.') },
]

test('import, search, signals, datasets: one JSON object each', { timeout: 60_000 }, async () => {
  const workspace = join(aFolder(), 'w')
  const file = aJsonlFile([...log, 'broken'])
  const first = await drift('import', file, '--workspace', workspace, '--json')
  expect(first).toMatchObject({ code: 0, stderr: '', out: [{ imported: 2, duplicates: 0, quarantined: 1, seconds: expect.any(Number) as number, format: 'openai' }] })
  expect(Object.keys(first.out[0] as object)).toEqual(['imported', 'duplicates', 'quarantined', 'seconds', 'format'])
  expect((await drift('import', file, '--workspace', workspace, '--json')).out).toMatchObject([{ imported: 0, duplicates: 2 }])

  expect((await drift('search', 'kiwi', '--workspace', workspace, '--limit', '1', '--json')).out).toEqual([{ total: 2, hits: [{ conversation_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string, turn_index: 1, snippet: 'kiwi' }], milliseconds: expect.any(Number) as number }])
  expect((await drift('signals', 'run', '--workspace', workspace, '--json')).out).toMatchObject([{ detector: 'rules', turns: 2, dissatisfied: 1, satisfied: 1, neutral: 0 }])
  expect((await drift('dataset', 'build', '--workspace', workspace, '--name', 's', '--kind', 'preference', '--json')).out).toMatchObject([{ name: 's', rows: 1 }])
  expect((await drift('dataset', 'list', '--workspace', workspace, '--json')).out).toMatchObject([{ datasets: [{ name: 's', kind: 'preference' }] }])
  const output = join(workspace, 'out.jsonl.gz')
  expect((await drift('dataset', 'export', '--workspace', workspace, '--dataset', 's', '--output', output, '--json')).out).toEqual([{ path: output, rows: 1 }])
  expect(JSON.parse(gunzipSync(readFileSync(output)).toString())).toMatchObject({ chosen: [{ content: 'kiwi, fig' }], user_feedback: "that's not two" })
})

test('signals rubric shows the categories and takes others; what has none is built by `unspecified`, several by a list', { timeout: 60_000 }, async () => {
  const workspace = join(aFolder(), 'w')
  const kinds = ['rude', 'slow, very', 'cold', null]
  await drift('import', aJsonlFile(kinds.map((kind, i) => ({ messages: turns(`q ${i}`, `r ${i}`, 'no'), labels: [{ turn_index: 2, dsat: true, ...(kind === null ? {} : { kind }) }] }))), '--workspace', workspace)
  expect((await drift('signals', 'rubric', '--workspace', workspace)).stdout).toMatch(/^Dissatisfied:\n- negative feedback: /)
  const text = join(workspace, 'rubric.txt')
  writeFileSync(text, 'Dissatisfied:\n- Rude: hurts\nSatisfied:\n- warm')
  expect((await drift('signals', 'rubric', '--workspace', workspace, '--set', text, '--json')).out).toEqual([{ dissatisfied: ['rude'], satisfied: ['warm'], text: 'Dissatisfied:\n- Rude: hurts\nSatisfied:\n- warm' }])
  writeFileSync(text, 'Dissatisfied:\n- rude\n- Rude')
  expect(await drift('signals', 'rubric', '--workspace', workspace, '--set', text)).toMatchObject({ code: 2, stderr: expect.stringContaining('line 3: expected each category once') as string })
  expect((await drift('signals', 'rubric', '--workspace', workspace)).stdout).toBe('Dissatisfied:\n- Rude: hurts\nSatisfied:\n- warm\n')
  const build = async (name: string, ...options: string[]) => (await drift('dataset', 'build', '--workspace', workspace, '--kind', 'feedback', '--name', name, ...options, '--json')).out
  expect(await build('several', '--category', 'slow\\, very,rude')).toMatchObject([{ rows: 2, recipe: { category: ['rude', 'slow, very'] } }])
  expect(await build('none', '--category', 'unspecified')).toMatchObject([{ rows: 1, recipe: { category: 'unspecified' } }])
})

test('quarantine list and export: what was exported and mended leaves the quarantine when it is imported', { timeout: 60_000 }, async () => {
  const workspace = join(aFolder(), 'w')
  const file = aJsonlFile([...log, '{"messages":5}', 'broken'])
  await drift('import', file, '--workspace', workspace)
  expect((await drift('quarantine', 'list', '--workspace', workspace, '--json')).out).toEqual([{ total: 2, rows: [
    { id: expect.stringMatching(/^[0-9a-f]{32}$/) as string, import: expect.any(String) as string, file, row: 3, reason: 'messages: expected a list of messages, got 5', edited: false }, expect.objectContaining({ row: 4 }),
  ] }])
  const output = join(workspace, 'bad.jsonl')
  expect((await drift('quarantine', 'export', '--workspace', workspace, '--file', file, '--output', output, '--json')).out).toEqual([{ path: output, rows: 2, leftOut: 0 }])
  const mended = aJsonlFile([readFileSync(output, 'utf8').split('\n')[0]!.replace('"messages":5', '"messages":[{"role":"user","content":"mended"}]')], 'mended.jsonl')
  expect((await drift('import', mended, '--workspace', workspace, '--json')).out).toMatchObject([{ imported: 1, quarantined: 0 }])
  expect((await drift('quarantine', 'list', '--workspace', workspace)).stdout).toMatch(/^\S+log\.jsonl row 4: expected JSON: .*\n1 row set aside\n$/)
})

test('an import that reads nothing says what to do: name the columns, or that no row is there', { timeout: 60_000 }, async () => {
  const workspace = join(aFolder(), 'w')
  const table = aJsonlFile(['Frage;Antwort', 'Was?;Das.'], 'weird.csv')
  expect((await drift('import', table, '--workspace', workspace)).stderr).toContain('Say what its columns hold with --mapping, such as --mapping prompt=question,reply=answer')
  expect(await drift('import', table, '--mapping', 'prompt=Frage,reply=Antwort', '--workspace', workspace)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^1 conversation imported/) as string })
  expect((await drift('import', aJsonlFile([], 'empty.jsonl'), '--workspace', workspace)).stderr).toContain('(no row was found)')
})

test('conversations list takes a search and any order', { timeout: 60_000 }, async () => {
  const workspace = join(aFolder(), 'w')
  await drift('import', aJsonlFile([...log, { messages: turns('Zebra', 'Yes.') }, { messages: turns('1 apple', 'Yes.', 'and pears', 'Yes.') }]), '--workspace', workspace)
  const listed = async (...options: string[]) => (await drift('conversations', 'list', ...options, '--workspace', workspace, '--json')).out as [{ total: number; conversations: { turns: number; snippet: string; figure?: number }[] }]
  const [all] = await listed('--sort', 'opening', '--limit', '1')
  expect(all).toMatchObject({ total: expect.any(Number) as number, conversations: [{ snippet: '1 apple', turns: 4 }] })
  expect(all.total).toBeGreaterThan(2)
  expect((await listed('--sort', 'opening', '--descending', '--limit', '1'))[0].conversations).toMatchObject([{ snippet: 'Zebra' }])
  expect((await listed('yes', 'turns:2..4', '--sort', 'relevance', '--descending'))[0]).toMatchObject({ total: 2, conversations: [{ figure: expect.any(Number) as number }, { figure: expect.any(Number) as number }] })
  expect(await drift('conversations', 'list', '--sort', 'relevance', '--workspace', workspace)).toMatchObject({ code: 2, stderr: expect.stringContaining('expected words to search for') as string })
  expect(await drift('conversations', 'list', '--sort', 'colour', '--workspace', workspace)).toMatchObject({ code: 2 })
})

test('conversations export writes what a search finds, masked where asked', { timeout: 60_000 }, async () => {
  const workspace = join(aFolder(), 'w')
  await drift('import', aJsonlFile([{ id: 'm', source: 'log', messages: turns('write to ana@mail.org', 'Done.', 'thanks') }, ...log]), '--workspace', workspace)
  const output = join(workspace, 'out.jsonl')
  expect((await drift('conversations', 'export', 'write', 'source:log', '--workspace', workspace, '--output', output, '--mask', '--json')).out).toEqual([{ path: output, rows: 1 }])
  expect(JSON.parse(readFileSync(output, 'utf8'))).toMatchObject({ id: 'm', source: 'log', messages: [{ content: 'write to [email]' }, { content: 'Done.' }, { content: 'thanks' }] })
})

test('exported labels import into a workspace that has their conversations, alone too', { timeout: 60_000 }, async () => {
  const [workspace, other] = [join(aFolder(), 'w'), join(aFolder(), 'w')]
  for (const where of [workspace, other]) await drift('import', aJsonlFile(log), '--workspace', where)
  const opened = openWorkspace(workspace)
  appendEntry(opened.db, { conversation: 1, turnIndex: 2, annotator: 'ana', pass: 'first', action: 'label', label: 'neutral', categories: [], evidence: null, note: '', suggestion: 'hidden', seconds: null }, new Date())
  opened.close()
  const output = join(other, 'labels.csv')
  expect((await drift('review', 'export', '--workspace', workspace, '--output', output, '--json')).out).toEqual([{ path: output, rows: 1 }])
  expect(await drift('import', output, '--workspace', other, '--json')).toMatchObject({ code: 0, out: [{ imported: 0, duplicates: 0, quarantined: 0, format: 'review-labels', labels: 1 }] })
  // Where none of their conversations is, nothing could be used.
  expect(await drift('import', output, '--workspace', join(aFolder(), 'w'), '--json')).toMatchObject({ code: 2 })
})

test('detect writes a row per reaction, detector eval scores them', { timeout: 60_000 }, async () => {
  const output = join(aFolder(), 'scores.jsonl')
  const file = aJsonlFile(log)
  expect(await drift('detect', '--input', file, '--output', output, '--json')).toMatchObject({ code: 0, out: [{ rows: 2, conversations: 2, output }] })
  expect(readFileSync(output, 'utf8').trim().split('\n').map((line): unknown => JSON.parse(line))).toMatchObject([
    { id: 'a', turn_index: 2, dsat_probability: expect.any(Number) as number, label: 'dissatisfied', categories: ['instruction ignored'], evidence: { start: 0, end: 14 } },
    { id: 'a', turn_index: 4, label: 'satisfied' },
  ])
  expect((await drift('detector', 'eval', '--input', file, '--json')).out).toEqual([{ average_precision: 1, roc_auc: 1, f1: expect.any(Number) as number, n: 2 }])
})

test('detector train makes a file that detect, detector eval and signals run take', { timeout: 60_000 }, async () => {
  const folder = aFolder()
  const rows = Map.groupBy(labelledWorldTurns({ seed: 2, dialogues: 120 }), ({ dialogue }) => dialogue)
  const file = aJsonlFile([...rows].map(([dialogue, labelled]) => ({ id: String(dialogue), source: 'log', messages: labelled[0]!.messages, labels: labelled.map(({ turnIndex, dissatisfied }) => ({ turn_index: turnIndex, dsat: dissatisfied })) })))
  const detector = join(folder, 'detector')
  const trained = await drift('detector', 'train', '--input', file, '--output', detector, '--json')
  expect(trained).toMatchObject({ code: 0, out: [{ output: detector, version: expect.stringMatching(/^[0-9a-f]{12}$/) as string, cross_validation: { average_precision: expect.any(Number) as number } }] })
  const { version } = trained.out[0] as { version: string }
  expect((await drift('detect', '--input', file, '--output', join(folder, 'out'), '--detector', detector, '--json')).out).toMatchObject([{ detector: 'classifier', version, conversations: 120 }])
  const [figures] = (await drift('detector', 'eval', '--input', file, '--detector', detector, '--json')).out as { average_precision: number }[]
  expect(figures?.average_precision).toBeGreaterThan(0.9)
  const workspace = join(folder, 'w')
  await drift('import', file, '--workspace', workspace)
  expect((await drift('signals', 'run', '--workspace', workspace, '--detector', detector, '--json')).out).toMatchObject([{ detector: 'classifier', version }])
  const shipped = await drift('signals', 'run', '--workspace', workspace, '--detector', 'classifier', '--json')
  expect(shipped).toMatchObject({ code: 0, stderr: expect.stringContaining('trained on simulated users of the built-in world; its accuracy there says little') as string })
})

test('an LLM judge over a workspace and over a file: the estimate first, a row a turn', { timeout: 60_000 }, async () => {
  const server = await aChatServer(({ body }) => ({ content: JSON.stringify({ label: body.messages[1]?.content.includes('<message>\nthanks') ? 'satisfied' : 'dissatisfied' }) }))
  const folder = aFolder()
  // Verdicts on a file are kept in the user's own folder.
  vi.stubEnv('DRIFT_HOME', folder)
  onTestFinished(() => void vi.unstubAllEnvs())
  const file = aJsonlFile(log)
  const workspace = join(folder, 'w')
  await drift('import', file, '--workspace', workspace)
  const judge = ['--detector', 'judge', '--judge-url', server.baseUrl, '--judge-model', 'm']
  const run = await drift('signals', 'run', '--workspace', workspace, ...judge, '--json')
  expect(run).toMatchObject({ code: 0, out: [{ detector: 'judge', turns: 2, dissatisfied: 1, satisfied: 1, calls: 2 }], stderr: expect.stringMatching(/2 turns, 0 of them in the cache; about \d+ prompt and 120 completion tokens/) as string })
  const output = join(folder, 'out')
  expect((await drift('detect', '--input', file, '--output', output, ...judge, '--json')).out).toMatchObject([{ detector: 'judge', rows: 2 }])
  expect(await drift('signals', 'run', '--workspace', workspace, '--detector', 'judge', '--json')).toMatchObject({ code: 2, stderr: expect.stringContaining('--judge-url and --judge-model') as string })
})

test('a judge run that is killed goes on where it was: no verdict is asked for twice', { timeout: 60_000 }, async () => {
  const turnsIn = 12
  const file = aJsonlFile(Array.from({ length: turnsIn }, (_, i) => ({ id: `c${i}`, messages: turns(`request ${i}`, 'kiwi', `thanks ${i}`) })))
  const workspace = join(aFolder(), 'w')
  await drift('import', file, '--workspace', workspace)
  let child: ChildProcess | null = null
  const server = await aChatServer((_, i) => {
    if (i === 5) child?.kill('SIGKILL')
    return { content: '{"label":"satisfied"}', afterMs: 30 }
  })
  const judge = ['signals', 'run', '--workspace', workspace, '--detector', 'judge', '--judge-url', server.baseUrl, '--judge-model', 'm', '--concurrency', '1', '--json']
  child = execFile(process.execPath, [join(import.meta.dirname, 'index.ts'), ...judge])
  await new Promise((resolve) => child?.on('close', resolve))
  expect(server.requests).toHaveLength(6)
  expect((await drift(...judge)).out).toMatchObject([{ turns: turnsIn, cached: 5, calls: turnsIn - 5 }])
})

test('review export writes people’s labels', { timeout: 60_000 }, async () => {
  const workspace = join(aFolder(), 'w')
  await drift('import', aJsonlFile(log.slice(0, 1)), '--workspace', workspace, '--json')
  const opened = openWorkspace(workspace)
  appendEntry(opened.db, { conversation: 1, turnIndex: 2, annotator: 'ana', pass: 'first', action: 'label', label: 'neutral', categories: [], evidence: null, note: '', suggestion: 'hidden', seconds: null }, new Date())
  opened.close()
  const output = join(workspace, 'labels.csv')
  expect(await drift('review', 'export', '--workspace', workspace, '--output', output, '--json')).toMatchObject({ code: 0, out: [{ path: output, rows: 1 }] })
  expect(readFileSync(output, 'utf8')).toMatch(/^conversation_id,turn_index,annotator.*\r\n[0-9a-f]{32},2,ana,first,neutral,/)
})

test('bad usage and bad input end with 2 and one line that says what to do', { timeout: 60_000 }, async () => {
  const folder = aFolder()
  const cases = await Promise.all([
    drift('import', join(folder, 'none.jsonl'), '--workspace', join(folder, 'w'), '--json'),
    drift('import', aJsonlFile(['broken', '[]']), '--workspace', join(folder, 'w2'), '--json'),
    drift('search', 'x', '--workspace', join(folder, 'nowhere')),
    drift('detect', '--input', aJsonlFile(log), '--output', join(folder, 'o'), '--detector', 'oracle'),
    drift('dataset', 'build', '--workspace', folder, '--name', 'x', '--kind', 'odd'),
    drift('search', 'x', '--workspace', folder, '--limit', 'many'),
  ])
  expect(cases.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2])
  expect(cases.map(({ stdout }) => stdout)).toEqual(['', '', '', '', '', ''])
  for (const { stderr } of cases) expect(stderr).not.toBe('')
  expect(cases[0]?.stderr).toMatch(/none readable in .*none\.jsonl.*ENOENT/)
  expect(existsSync(join(folder, 'nowhere'))).toBe(false)
})
