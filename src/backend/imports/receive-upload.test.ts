import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder } from '../../../tests/support/workspace.ts'
import { receiveUpload } from './receive-upload.ts'

const text = (words: string): Uint8Array => new TextEncoder().encode(words)
const file = { name: 'log.jsonl', size: 10, modifiedMs: 5 }

test('parts make the file; one that was lost or came twice does not harm it', () => {
  const workspace = aFolder()
  const send = (start: number, words: string) => receiveUpload(workspace, { ...file, start, bytes: text(words) }).bytes
  expect(send(0, '')).toBe(0)
  expect(send(0, '01234')).toBe(5)
  expect(send(0, '01234')).toBe(5)
  expect(send(7, '789')).toBe(5)
  expect(send(5, '56789')).toBe(10)
  const { path } = receiveUpload(workspace, { ...file, start: 0, bytes: text('') })
  expect(readFileSync(path, 'utf8')).toBe('0123456789')
})

test('a file does not grow past the size it was announced with', () => {
  expect(() => receiveUpload(aFolder(), { ...file, start: 5, bytes: text('567890') })).toThrow('expected at most 10 bytes, got 11')
})

test('whatever a file is called, it lies in its own folder of uploads', () => {
  const workspace = aFolder()
  for (const name of ['../../etc/passwd', '..', '.', '', '/', 'a/b\\c', 'C:\\x', '\u0000', '名前 (1).csv', '.hidden']) {
    const { path } = receiveUpload(workspace, { ...file, name, start: 0, bytes: text('x') })
    expect(dirname(path)).toBe(join(workspace, 'uploads', '10-5'))
  }
})

test('files of a folder lie as they did there, each in its own place, and nowhere else', () => {
  const workspace = aFolder()
  const folder = '3-30-0badcafe'
  const names = ['wild/a.jsonl', 'wild/data/a.jsonl', 'wild/a?.jsonl', 'wild/a*.jsonl', 'wild/a~3f.jsonl', 'wild/../../x.jsonl', 'wild/../../../../etc/passwd']
  for (const name of names) expect(receiveUpload(workspace, { ...file, name, folder, start: 0, bytes: text(name.slice(-10).padEnd(10)) })).toEqual({ path: join(workspace, 'uploads', folder, 'wild'), bytes: 10 })
  expect(readdirSync(workspace)).toEqual(['uploads'])
  expect(readdirSync(join(workspace, 'uploads'))).toEqual([folder])
  expect(readdirSync(join(workspace, 'uploads', folder, 'wild'), { recursive: true }).map(String).filter((name) => /jsonl$|passwd$/.test(name))).toHaveLength(names.length)
  expect(readFileSync(join(workspace, 'uploads', folder, 'wild', 'data', 'a.jsonl'), 'utf8')).toBe('ta/a.jsonl')
})

test('a place that another file has is not taken for the file', () => {
  const workspace = aFolder()
  const about = { name: 'wild/a.jsonl', folder: '1-10-0badcafe', modifiedMs: 5, start: 0 }
  receiveUpload(workspace, { ...about, size: 10, bytes: text('0123456789') })
  expect(() => receiveUpload(workspace, { ...about, size: 4, bytes: text('') })).toThrow('expected its own place')
})
