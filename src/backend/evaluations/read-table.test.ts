import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { aFolder } from '../../../tests/support/workspace.ts'
import { readTable } from './read-table.ts'

test('a table is rows whatever it is packed in: tabs, zstd, Parquet', async () => {
  const folder = aFolder()
  const files = {
    'a.tsv': 'instruction\toutput\ndo\tdone, twice\n',
    'a.csv.zst': zstdCompressSync('instruction,output\ndo,"done, twice"\n'),
    'a.parquet': new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'instruction', data: ['do'], type: 'STRING' }, { name: 'output', data: ['done, twice'], type: 'STRING' }] })),
  }
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(folder, name), bytes)
    expect(await readTable(join(folder, name))).toEqual([{ instruction: 'do', output: 'done, twice' }])
  }
})

test('one bad row is an error with its place', async () => {
  const file = join(aFolder(), 'a.jsonl')
  writeFileSync(file, '{"a":1}\nno\n')
  await expect(readTable(file)).rejects.toThrow(`${file}, row 2: expected JSON: `)
  writeFileSync(file, '{"a":1}\n[1]\n')
  await expect(readTable(file)).rejects.toThrow(`${file}, row 2: expected a JSON object, got a list of 1`)
})

test('figures that only Python calls JSON are named with what to put there', async () => {
  const file = join(aFolder(), 'annotations.json')
  writeFileSync(file, '[{"preference": 1.5, "output": "NaN"}, {"preference": NaN, "output": "Infinity"}]')
  await expect(readTable(file)).rejects.toThrow(`${file}, row 2: expected JSON: NaN and Infinity are none, though Python writes them; put null in their place`)
})
