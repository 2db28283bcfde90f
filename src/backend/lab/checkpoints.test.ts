import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aFolder } from '../../../tests/support/workspace.ts'
import type { TrainerState } from '../../engine/engine.ts'
import { readLatestCheckpoint, writeCheckpoint } from './checkpoints.ts'

const state = (step: number): TrainerState => ({ step, weights: new Map([['w', Float32Array.of(step, Math.fround(0.1 * step))]]), optimizer: new Map([['exp_avg.w', Float32Array.of(-step)]]) })

describe('checkpoints', () => {
  it('give back the newest state, number for number', () => {
    const folder = aFolder()
    for (const step of [4, 8, 12]) writeCheckpoint(folder, state(step), 'inputs', 3)
    expect(readLatestCheckpoint(folder, 'inputs')).toEqual(state(12))
  })

  it('are kept up to the limit, the newest always', () => {
    const folder = aFolder()
    for (const step of [9, 10, 11, 100]) writeCheckpoint(folder, state(step), 'inputs', 2)
    expect(readdirSync(folder).sort()).toEqual(['checkpoint-100', 'checkpoint-11'])
    writeCheckpoint(folder, state(101), 'inputs', 0)
    expect(readdirSync(folder)).toEqual(['checkpoint-101'])
  })

  it('half-written or damaged are passed over for an older one', () => {
    const folder = aFolder()
    for (const step of [1, 2]) writeCheckpoint(folder, state(step), 'inputs', 3)
    truncateSync(join(folder, 'checkpoint-2', 'optimizer.safetensors'), 20)
    mkdirSync(join(folder, '.checkpoint-3.draft-1'))
    writeFileSync(join(folder, '.checkpoint-3.draft-1', 'state.json'), '{}')
    expect(readLatestCheckpoint(folder, 'inputs')).toEqual(state(1))
    expect(readdirSync(folder)).toEqual(['checkpoint-1'])
  })

  it('of other inputs are not continued', () => {
    const folder = aFolder()
    writeCheckpoint(folder, state(5), 'other inputs', 3)
    expect(readLatestCheckpoint(folder, 'inputs')).toBeNull()
    expect(readLatestCheckpoint(join(folder, 'absent'), 'inputs')).toBeNull()
  })
})
