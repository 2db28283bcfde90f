import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { aFolder, aJsonlFile, turns } from '../../../tests/support/workspace.ts'
import { previewImport } from './preview-import.ts'

test('the first rows as they would be imported, and what is wrong with others', async () => {
  const rows = Array.from({ length: 9 }, (_, i) => ({ messages: turns(`question ${i}`, 'x'.repeat(5000)), model: 'm' }))
  const preview = await previewImport([aJsonlFile(['null', ...rows])], {})
  expect(preview).toMatchObject({ files: 1, format: 'openai', columns: ['messages', 'model'], problems: [{ row: 1, reason: 'expected a JSON object, got null' }] })
  expect(preview.conversations).toHaveLength(5)
  expect(preview.conversations[0]).toMatchObject({ model: 'm', turns: 2, messages: [{ role: 'user', content: 'question 0' }, { role: 'assistant', content: `${'x'.repeat(300)}…` }] })
})

test('columns that say nothing: a mapping is built up from them', async () => {
  const file = join(aFolder(), 'log.csv')
  writeFileSync(file, 'k,who,said\n1,user,Hi\n1,bot,Hello\n')
  expect(await previewImport([file], {})).toMatchObject({ format: null, columns: ['k', 'who', 'said'], mapping: {}, conversations: [] })
  expect(await previewImport([file], { mapping: { role: 'who' } })).toMatchObject({ mapping: { role: 'who' }, conversations: [], problems: [] })
  expect(await previewImport([file], { mapping: { conversation: 'k', role: 'who', content: 'said' } })).toMatchObject({ format: 'csv', conversations: [{ turns: 2 }] })
})

test('a Parquet file names all its columns though one is read for that', async () => {
  const file = join(aFolder(), 'a.parquet')
  writeFileSync(file, new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'k', data: [1, 2], type: 'INT32' }, { name: 'prompt', data: ['a', 'b'], type: 'STRING' }, { name: 'response', data: ['c', 'd'], type: 'STRING' }] })))
  expect(await previewImport([file], {})).toMatchObject({ format: 'csv', columns: ['k', 'prompt', 'response'], mapping: { prompt: 'prompt', reply: 'response' }, conversations: [{ turns: 2 }, { turns: 2 }] })
})

test('a file nothing can be read of says why', async () => {
  const file = join(aFolder(), 'x')
  writeFileSync(file, 'PAR1 but no more of it')
  expect(await previewImport([file], {})).toMatchObject({ format: null, columns: [], problems: [{ reason: expect.stringMatching(/expected a Parquet file/) as string }] })
})
