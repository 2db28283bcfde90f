import { describe, expect, it } from 'vitest'
import { methodStyle } from './methods.ts'

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
