/**
 * Checkpoints of a training stage: folders `checkpoint-<step>`, whole or absent. A continued training takes the
 * newest and gives the same weights as an undisturbed one.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TrainerState } from '../../engine/engine.ts'
import { readSafetensors, syncFolder, writeSafetensors } from '../../engine/safetensors.ts'

const NAME = /^checkpoint-(\d+)$/

/** @param inputHash of the stage: a checkpoint of other inputs is not continued. */
export function writeCheckpoint(folder: string, state: TrainerState, inputHash: string, keep: number): void {
  const target = join(folder, `checkpoint-${state.step}`)
  const draft = join(folder, `.checkpoint-${state.step}.draft-${process.pid}`)
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true })
  writeArrays(join(draft, 'weights.safetensors'), state.weights)
  writeArrays(join(draft, 'optimizer.safetensors'), state.optimizer)
  writeDurably(join(draft, 'state.json'), `${JSON.stringify({ step: state.step, inputHash })}\n`)
  syncFolder(draft)
  rmSync(target, { recursive: true, force: true })
  renameSync(draft, target)
  syncFolder(folder)
  for (const step of stepsIn(folder).slice(Math.max(1, keep))) rmSync(join(folder, `checkpoint-${step}`), { recursive: true, force: true })
}

/** The newest checkpoint that can be read; null where training starts from the beginning. */
export function readLatestCheckpoint(folder: string, inputHash: string): TrainerState | null {
  if (!existsSync(folder)) return null
  for (const entry of readdirSync(folder)) if (entry.startsWith('.')) rmSync(join(folder, entry), { recursive: true, force: true })
  for (const step of stepsIn(folder)) {
    const path = join(folder, `checkpoint-${step}`)
    try {
      const state = JSON.parse(readFileSync(join(path, 'state.json'), 'utf8')) as { inputHash?: unknown }
      if (state.inputHash === inputHash) return { step, weights: readArrays(join(path, 'weights.safetensors')), optimizer: readArrays(join(path, 'optimizer.safetensors')) }
    } catch {
      // Damaged from outside: an older one will do.
    }
    rmSync(path, { recursive: true, force: true })
  }
  return null
}

/** Newest first. */
function stepsIn(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number).sort((a, b) => b - a)
}

function writeArrays(file: string, arrays: ReadonlyMap<string, Float32Array>): void {
  writeSafetensors(file, [...arrays].map(([name, data]) => ({ name, shape: [data.length], data })))
}

function readArrays(file: string): Map<string, Float32Array> {
  return new Map([...readSafetensors(file)].map(([name, { data }]) => [name, data]))
}

function writeDurably(file: string, text: string): void {
  writeFileSync(file, text)
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
