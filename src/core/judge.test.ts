import { expect, test } from 'vitest'
import { turns } from '../../tests/support/workspace.ts'
import { judgePrompt, readVerdict } from './judge.ts'
import { DEFAULT_RUBRIC } from './rubric.ts'

test('the prompt shows nothing after the judged message', () => {
  const messages = turns('two fruits', 'kiwi', "that's not two", 'kiwi, SECRET', 'thanks')
  const prompt = judgePrompt(messages, 2, DEFAULT_RUBRIC).map(({ content }) => content).join('\n')
  expect(prompt).toContain("that's not two")
  expect(prompt).not.toContain('SECRET')
})

const read = (answer: string, userText = "No, that's NOT  two.") => readVerdict(answer, userText, DEFAULT_RUBRIC)
const plain = '{"label":"dissatisfied","dsat_probability":0.9,"categories":["instruction ignored"],"evidence":"that\'s not two"}'

test.each([
  ['plain', plain],
  ['fenced', `\`\`\`json\n${plain}\n\`\`\``],
  ['prose around it', `Let me think {about it}. The user complains.\n\n${plain}\nI hope this helps.`],
  ['other spellings', '{"label":"DSAT","probability":"0.9","categories":"Instruction ignored","evidence":"“that\'s not two”"}'],
  ['a category outside the rubric', plain.replace('["instruction', '["rudeness","instruction')],
])('a verdict is read: %s', (_, answer) => {
  expect(read(answer)).toEqual({ label: 'dissatisfied', probability: 0.9, categories: ['instruction ignored'], evidence: { start: 4, end: 19 } })
})

test('evidence that the user did not write is none; neutral has neither reason nor evidence', () => {
  expect(read(plain, 'something else')).toMatchObject({ evidence: null })
  expect(read('{"label":"neutral","categories":["praise"],"evidence":"No"}')).toEqual({ label: 'neutral', probability: 0, categories: [], evidence: null })
})

test.each([['I cannot judge this.', /expected a JSON object/], ['{"label":"angry"}', /label: expected dissatisfied, satisfied or neutral, got "angry"/], ['', /expected a JSON object/], ['{"label":"dissat', /expected a JSON object/]])('%j is no verdict', (answer, problem) => {
  expect(read(answer)).toEqual({ problem: expect.stringMatching(problem) as string })
})
