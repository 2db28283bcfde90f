/** The classifier on the public DSAT parts, by the figures that dsat/README.md asks for. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { classifierJudge } from '../../src/core/detector/classifier.ts'
import { trainDetector, type LabelledTurn } from '../../src/core/detector/train.ts'
import { scoreDetector } from '../../src/core/detector-score.ts'
import type { Message } from '../../src/shared/types.ts'

const folder = join(process.env['DRIFT_SHARED'] ?? new URL('../../../shared', import.meta.url).pathname, 'dsat')
type Dialogue = { messages: Message[]; labels: { turn_index: number; dsat: boolean; ratings: number[] }[] }
const read = (part: string): LabelledTurn[] =>
  gunzipSync(readFileSync(join(folder, `${part}.jsonl.gz`))).toString().trim().split('\n').flatMap((line, dialogue) => {
    const { messages, labels } = JSON.parse(line) as Dialogue
    return labels.map(({ turn_index, dsat, ratings }) => ({ messages, turnIndex: turn_index, dissatisfied: dsat, ratings, dialogue }))
  })

describe.skipIf(!existsSync(join(folder, 'train.jsonl.gz')))('trained on the public train part (skipped without DRIFT_SHARED or ../shared)', () => {
  test('the public test part is ranked as asked, and cross-validation had said so', () => {
    const model = trainDetector(read('train'))
    expect(model.crossValidation.average_precision).toBeGreaterThan(0.26)
    expect(model.crossValidation.roc_auc).toBeGreaterThan(0.87)
    expect(model.crossValidation.f1).toBeGreaterThan(0.365)
    const judge = classifierJudge(model)
    const figures = scoreDetector(read('test').map((turn) => ({ ...turn, probability: judge(turn.messages, turn.turnIndex).probability })))
    expect(figures).toMatchObject({ n: 6956, positives: 314 })
    expect(figures.average_precision).toBeGreaterThan(0.25)
    expect(figures.roc_auc).toBeGreaterThan(0.865)
    // Asked for: .33; the goal, one human's .352, is not reached (.345).
    expect(figures.f1).toBeGreaterThan(0.34)
  })
})
