import { expect, test } from 'vitest'
import { besideWorkspace, joinPaths, lastOf, splitPaths } from './import-paths.ts'

test('one path, with spaces or without', () => {
  for (const path of ['/data/log.jsonl', '/data/my logs/a b.jsonl', '/data/a folder']) expect(splitPaths(joinPaths([path]))).toEqual([path])
})

test('several paths come back, folders and spaces among them', () => {
  const paths = ['/data/a folder', '/data/b.parquet', 'C:\\logs\\c d.csv']
  expect(splitPaths(joinPaths(paths))).toEqual(paths)
})

test('typed one after the other, the endings part them', () => {
  expect(splitPaths(' /data/a b.jsonl.gz  /data/c.csv ')).toEqual(['/data/a b.jsonl.gz', '/data/c.csv'])
  expect(splitPaths('/data/a b.json.zstd /data/B.CSV /data/c.jsonl.gzip /data/d.parquet')).toEqual(['/data/a b.json.zstd', '/data/B.CSV', '/data/c.jsonl.gzip', '/data/d.parquet'])
  expect(splitPaths('')).toEqual([])
})

test('a path is read by its last name, and from the workspace on where it lies below', () => {
  expect([lastOf('/logs/a.jsonl'), lastOf('/logs/shards/'), lastOf('C:\\logs\\a.csv'), lastOf('a.csv')]).toEqual(['a.jsonl', 'shards', 'a.csv', 'a.csv'])
  expect(besideWorkspace('/w/logs/a.jsonl', '/w')).toBe('logs/a.jsonl')
  expect(besideWorkspace('/work/a.jsonl', '/w')).toBe('/work/a.jsonl')
  expect(besideWorkspace('/w', '/w')).toBe('/w')
  expect(besideWorkspace('/w/a', undefined)).toBe('/w/a')
})
