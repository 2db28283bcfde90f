import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder, turns } from '../../../tests/support/workspace.ts'
import { trainDetector } from '../../core/detector/train.ts'
import { labelledWorldTurns } from '../../core/world/labelled-turns.ts'
import { readDetectorFile, writeDetectorFile } from './detector-file.ts'
import { detectorNamed } from './detectors.ts'

const model = trainDetector(labelledWorldTurns({ seed: 5, dialogues: 150 }))
const aFile = (): string => writeDetectorFile(join(aFolder(), 'detector'), model, { trainedOn: 'a test', heldOut: { c1: { '2': 0.25 } } }).path
const changed = (change: (content: Record<string, unknown>) => void): string => {
  const path = aFile()
  const content = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  change(content)
  writeFileSync(path, JSON.stringify(content))
  return path
}

test('a detector comes back as it was trained, with its content hash as version', () => {
  const path = aFile()
  const detector = readDetectorFile(path)
  expect(detector).toMatchObject({ trainedOn: 'a test', cutoff: model.cutoff, crossValidation: model.crossValidation })
  const other = detectorNamed(path)
  expect(other.version).toBe(detector.version)
  const messages = turns('two fruits', 'kiwi', "that's not two")
  expect(other.judge(messages, 2)).toMatchObject({ label: 'dissatisfied' })
})

test('a turn it learned from gets the probability of a model that had not seen it', () => {
  const messages = turns('two fruits', 'kiwi', "that's not two")
  expect(detectorNamed(aFile()).judge(messages, 2, 'c1').probability).toBe(0.25)
})

test.each([
  ['a changed weight', (content: Record<string, unknown>) => void (content['intercept'] = 1), /expected content with the hash .* got .*damaged or was changed/],
  ['a missing part', (content: Record<string, unknown>) => void delete content['weights'], /weights: .*damaged/],
  ['a file of a later app', (content: Record<string, unknown>) => void (content['formatVersion'] = 4), /formatVersion: .*another version of the app: train it again/],
  ['a tree that turns back', (content: Record<string, unknown>) => void ((content['trees'] as { left: number[] }).left[0] = 0), /trees: .*children follow their parents.*damaged/],
  ['another kind of file', (content: Record<string, unknown>) => void (content['format'] = 'other'), /expected "format": "drift-detector"/],
])('%s is refused with what to do', (_, change, message) => {
  expect(() => readDetectorFile(changed(change))).toThrow(message)
})

test('no file and no JSON are told apart', () => {
  expect(() => readDetectorFile('/nowhere/at/all')).toThrow(/expected rules, classifier, judge or a file of drift detector train, got "\/nowhere\/at\/all"/)
  const path = join(aFolder(), 'x')
  writeFileSync(path, 'not json')
  expect(() => readDetectorFile(path)).toThrow('expected the JSON that drift detector train writes')
})

test('the shipped classifier is there and says what it was trained on', () => {
  const { trainedOn, judge, decider } = detectorNamed('classifier')
  expect({ trainedOn, decider }).toEqual({ trainedOn: 'simulated users of the built-in world', decider: 'classifier' })
  const judged = (reaction: string): string => judge(turns('Name two fruits.', 'Kiwi.', reaction), 2).label
  expect(['try again. i asked for two.', 'thanks!', 'i need three books, something short.'].map(judged)).toEqual(['dissatisfied', 'satisfied', 'neutral'])
})
