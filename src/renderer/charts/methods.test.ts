import { describe, expect, it } from 'vitest'
import { labelOf } from '../../core/comparison.ts'
import { KNOWN_METHODS, methodStyle } from './methods.ts'

describe('settings of one method', () => {
  it('share neither dash nor marker while there are others, and keep theirs', () => {
    const keys = ['0.0001', '0.0003', '0.001', '0.003', '0.01', '0.03', '0.1'].map((rate) => `drift, learning_rate ${rate}`)
    const styles = keys.map(methodStyle)
    expect(new Set(styles.map(({ dash }) => JSON.stringify(dash))).size).toBe(keys.length)
    expect(new Set(styles.map(({ marker }) => marker)).size).toBe(keys.length)
    expect(keys.toReversed().map(methodStyle)).toEqual(styles.toReversed())
    expect(new Set(styles.map(({ token }) => token))).toEqual(new Set(['--method-drift']))
  })
})

describe('names', () => {
  it('hold no comma outside brackets, so that a list of them reads as one', () => {
    const settings = KNOWN_METHODS.map((key) => `${key}, learning_rate 0.1, beta 0.2`)
    for (const name of [...KNOWN_METHODS, ...settings].flatMap((key) => [methodStyle(key).label, methodStyle(key).short, labelOf(key)])) expect(name.replace(/\(.*\)/, ''), name).not.toContain(',')
  })

  it('say a setting in brackets, in those they have', () => {
    expect(['drift-unguided, learning_rate 0.1', 'iterative-dpo-oracle, learning_rate 0.1'].map((key) => methodStyle(key).label)).toEqual(['Unguided DRIFT (learning_rate 0.1)', 'Iterative DPO (oracle, learning_rate 0.1)'])
    expect(labelOf('drift, learning_rate 0.1')).toBe('DRIFT (learning_rate 0.1)')
  })
})
