import { expect, it } from 'vitest'
import { chosenFolders, keyOfFolder, problemOf, readDropped } from './dropped-files.ts'

type Tree = { [name: string]: string | Tree | null }
/** As a browser hands over a folder: entries in portions of two, null for what it may not read. */
function entryOf(name: string, content: string | Tree | null): unknown {
  if (content === null || typeof content === 'string') {
    return { name, isDirectory: false, file: (resolve: (file: File) => void, reject: (error: Error) => void) => (content === null ? reject(new Error('NotReadableError')) : resolve(new File([content], name, { lastModified: 7 }))) }
  }
  return {
    name,
    isDirectory: true,
    createReader() {
      const left = Object.entries(content).map(([own, below]) => entryOf(own, below))
      return { readEntries: (resolve: (entries: unknown[]) => void) => resolve(left.splice(0, 2)) }
    },
  }
}
const dropped = (entries: unknown[]): DataTransfer => ({ items: entries.map((entry) => ({ kind: 'file', webkitGetAsEntry: () => entry, getAsFile: () => new File(['x'], (entry as { name: string }).name) })) }) as unknown as DataTransfer
const chosen = (path: string): File => Object.defineProperty(new File(['x'], path.split('/').at(-1)!, { lastModified: 7 }), 'webkitRelativePath', { value: path })

it('reads every portion of a folder and of those in it, and tells what holds no rows and what it may not read', async () => {
  const { files, folders: [folder] } = await readDropped(dropped([
    entryOf('wild', { data: { 'a-1.jsonl': '{}', 'a-2.parquet': 'P', 'a-3.csv.gz': 'z', deeper: { 'b.json': '[]' } }, 'README.md': 'about', 'dataset_info.json': '{}', '.git': { 'x.json': '{}' }, '.hidden.json': '{}', 'locked.jsonl': null }),
    entryOf('alone.jsonl', '{}'),
  ]))
  expect(files.map(({ name }) => name)).toEqual(['alone.jsonl'])
  expect(folder!.files.map(({ path }) => path)).toEqual(['wild/data/a-1.jsonl', 'wild/data/a-2.parquet', 'wild/data/a-3.csv.gz', 'wild/data/deeper/b.json'])
  expect([folder!.leftOut, folder!.unread]).toEqual([['wild/README.md', 'wild/dataset_info.json'], ['wild/locked.jsonl']])
})

it('a folder chosen by a field is the same one as dropped', async () => {
  const { folders: [a] } = await readDropped(dropped([entryOf('wild', { 'b.jsonl': 'x', 'a.jsonl': 'x', 'note.txt': 'x' })]))
  const [b] = chosenFolders([chosen('wild/a.jsonl'), chosen('wild/.cache/c.jsonl'), chosen('wild/b.jsonl'), chosen('wild/note.txt')])
  expect(b!.files.map(({ path }) => path)).toEqual(['wild/a.jsonl', 'wild/b.jsonl'])
  expect(b!.leftOut).toEqual(['wild/note.txt'])
  expect(keyOfFolder(a!)).toBe(keyOfFolder(b!))
  const [other] = chosenFolders([chosen('wild/a.jsonl'), chosen('wild/c.jsonl')])
  expect(keyOfFolder(other!)).not.toBe(keyOfFolder(b!))
  expect(keyOfFolder(b!)).toMatch(/^[0-9a-f-]{8,80}$/)
})

it('says why there is nothing to import', () => {
  const folder = { name: 'wild', files: [], leftOut: ['wild/x.arrow'], unread: [] }
  expect(problemOf(folder)).toMatch(/^import: expected files that end in .json.* in the folder wild, found none. Its .arrow files/)
  expect(problemOf({ ...folder, unread: ['a', 'b', 'c', 'd', 'e'].map((name) => `wild/${name}.json`) })).toMatch(/^wild: expected files that this browser may read, got none: wild\/a.json, wild\/b.json, wild\/c.json and 2 more\. /)
})
