import { expect, it } from 'vitest'
import type { Message } from '../../shared/types.ts'
import { fnv1a, FNV_BASIS } from '../fnv.ts'
import { answeredTurns, readSigns } from '../signals.ts'
import { labelledWorldTurns } from '../world/labelled-turns.ts'
import { addFeatures, FeatureList, FEATURES_VERSION, MEASURES, takeMeasures } from './features.ts'

const long = (words: string): string => Array.from({ length: 60 }, (_, i) => `${words} ${i}`).join(', ')
const talk = (...messages: [Message['role'], string][]): Message[] => messages.map(([role, content]) => ({ role, content }))
const talks: (readonly Message[])[] = [
  ...new Set(labelledWorldTurns({ seed: 5, dialogues: 60 }).map(({ messages }) => messages)),
  talk(['user', 'Where’s the ‘Café’ at 12:30?'], ['assistant', "I'm sorry, I can`t find it. Is it 3.5 km away?"], ['user', 'NO, that’s WRONG! I said the Café at 12:30…'], ['assistant', long('there are İstanbul and K')], ['user', `${long('do you even read')} thanks`]),
  talk(['assistant', long('Two of them')], ['assistant', 'and one more?'], ['user', "don''t"], ['assistant', ''], ['user', ''], ['tool', 'x'], ['assistant', '😂'], ['user', '中文 12 ٣']),
]

it('says the same of a turn, bit by bit, as long as its version is the same', () => {
  const list = new FeatureList()
  const measures = new Float32Array(MEASURES)
  const bits = new Int32Array(1)
  const float = new Float32Array(bits.buffer)
  let print = FNV_BASIS
  const add = (value: number): void => {
    float[0] = value
    print = fnv1a(print, String(bits[0]))
  }
  for (const messages of talks) {
    for (const turn of answeredTurns(messages)) {
      const signs = readSigns(messages, turn)
      list.clear()
      addFeatures(list, messages, turn, signs)
      for (let k = 0; k < list.length; k++) {
        add(list.columns[k]!)
        add(list.values[k]!)
      }
      takeMeasures(list, messages, turn, signs, measures)
      measures.forEach(add)
      print = fnv1a(print, JSON.stringify(signs))
    }
  }
  expect(`${FEATURES_VERSION}: ${print}`).toBe('3, rules 1: -66919871')
})
