import { expect, test } from 'vitest'
import { exportAddress } from './export-address.ts'

test.each([
  ['/data/ws', '/data/ws/exports/labels.jsonl', '/exports/labels.jsonl'],
  ['/data/ws', '/data/ws/exports/week 3/a&b.csv', '/exports/week%203/a%26b.csv'],
  ['C:\\ws', 'C:\\ws\\exports\\deep\\labels.csv', '/exports/deep/labels.csv'],
  ['\\\\box\\share\\ws', '\\\\box\\share\\ws\\exports\\labels.csv', '/exports/labels.csv'],
  ['/data/ws', '/data/ws/exports/a\\b.csv', '/exports/a%5Cb.csv'],
])('of %s, %s is served at %s', (workspace, file, address) => expect(exportAddress(workspace, file)).toBe(address))

test.each([
  ['/data/ws', '/data/labels.jsonl'],
  ['/data/ws', '/data/ws/exports-2/labels.jsonl'],
  ['', '/exports/labels.jsonl'],
])('of %s, %s is not served', (workspace, file) => expect(exportAddress(workspace, file)).toBeNull())
