import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aJsonlFile } from '../../../tests/support/workspace.ts'
import { labelAt } from '../../core/datasets.ts'
import { labelledWorldTurns } from '../../core/world/labelled-turns.ts'
import type { Signal } from '../../shared/types.ts'
import { importFiles } from '../imports/import-files.ts'
import { openWorkspace, type Workspace } from '../storage/open.ts'
import { summarizeSignals, writeSignals } from '../storage/signals.ts'
import { countLabels, thresholdBench } from '../storage/threshold.ts'
import { describeClassifier } from './describe-classifier.ts'
import { readDetectorFile } from './detector-file.ts'
import { detectorNamed, ownClassifier } from './detectors.ts'
import { runDetector } from './run-detector.ts'
import { trainOnLabels } from './train-on-labels.ts'

/** Conversations of the built-in world; of the first `labelled` dialogues every turn has a label. */
async function aWorkspace(labelled: number): Promise<Workspace> {
  const workspace = openWorkspace(join(aFolder(), 'w'))
  onTestFinished(() => workspace.close())
  const dialogues = Map.groupBy(labelledWorldTurns({ seed: 6, dialogues: 150 }), ({ dialogue }) => dialogue)
  const rows = [...dialogues].map(([dialogue, turns]) => ({ id: String(dialogue), messages: turns[0]!.messages, labels: dialogue < labelled ? turns.map(({ turnIndex, dissatisfied }) => ({ turn_index: turnIndex, dsat: dissatisfied })) : [] }))
  await importFiles(workspace.db, [aJsonlFile(rows)])
  return workspace
}

test('the workspace’s own classifier takes the shipped one’s place and says how it did on turns it had not seen', async () => {
  const { db, path } = await aWorkspace(120)
  expect(describeClassifier(path, countLabels(db))).toMatchObject({ own: false, trainedOn: 'simulated users of the built-in world' })
  const report = trainOnLabels(db, path)
  expect(describeClassifier(path, countLabels(db))).toMatchObject({ own: true, version: report.version, turns: report.turns, precision: { estimate: report.hits / report.flagged }, trainedOn: expect.stringContaining('imported ones of this workspace') as string })
  expect(report.hits / report.flagged).toBeGreaterThan(0.8)
  expect(detectorNamed('classifier', path).version).toBe(report.version)
})

test('what it says of turns it learned from is what a model said that had not seen them', async () => {
  const { db, path } = await aWorkspace(120)
  trainOnLabels(db, path)
  await runDetector(db, detectorNamed('classifier', path))
  const { heldOut } = readDetectorFile(ownClassifier(path))
  const stored = db.prepare("SELECT c.id, s.turn_index, s.probability FROM signals s JOIN conversations c ON c.position = s.conversation WHERE s.decider = 'classifier'").all() as { id: string; turn_index: number; probability: number }[]
  const learned = stored.filter(({ id }) => id in heldOut)
  expect(learned.length).toBeGreaterThan(300)
  for (const { id, turn_index, probability } of learned) expect(probability).toBe(heldOut[id]?.[turn_index])
})

test('a person’s label is learned instead of the imported one, and no run changes labels of others', async () => {
  const { db, path } = await aWorkspace(120)
  const before = countLabels(db)
  const turn = db.prepare("SELECT conversation, turn_index AS turnIndex FROM signals WHERE label = 'dissatisfied' LIMIT 1").get() as { conversation: number; turnIndex: number }
  writeSignals(db, [{ ...turn, label: 'neutral', probability: 0, categories: [], evidence: null, decider: 'human', deciderVersion: '1' }])
  expect(countLabels(db)).toEqual({ people: 1, imported: before.imported - 1, dissatisfied: before.dissatisfied - 1 })
  const labels = (): unknown[] => db.prepare("SELECT * FROM signals WHERE decider IN ('human', 'imported')").all()
  const kept = labels()
  await runDetector(db, detectorNamed('rules'))
  trainOnLabels(db, path)
  await runDetector(db, detectorNamed('classifier', path))
  await runDetector(db, detectorNamed('rules'))
  expect(labels()).toEqual(kept)
  expect(summarizeSignals(db).deciders.map(({ decider }) => decider).sort()).toEqual(['classifier', 'human', 'imported', 'rules'])
})

test('the workbench counts at every cut-off what a dataset at that cut-off would hold', async () => {
  const { db } = await aWorkspace(40)
  await runDetector(db, detectorNamed('classifier'))
  const { mix, reviewed, curve } = thresholdBench(db, 'classifier')
  expect(reviewed.people).toBe(0)
  expect(reviewed.imported).toBe(countLabels(db).imported)
  const winning = db.prepare('SELECT label, probability, decider FROM winning_signals').all() as Pick<Signal, 'label' | 'probability' | 'decider'>[]
  for (const step of [0, 1, 29, 50, 58, 99, 100]) {
    const labels = winning.map((signal) => labelAt(signal, step / 100))
    const count = (label: string): number => labels.filter((one) => one === label).length
    expect(mix[step]).toEqual({ dissatisfied: count('dissatisfied'), satisfied: count('satisfied'), neutral: count('neutral') })
  }
  expect(curve[0]).toMatchObject({ flagged: reviewed.imported, hits: reviewed.dissatisfied, recall: { estimate: 1 } })
})
