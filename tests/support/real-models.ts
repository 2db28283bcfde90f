/** Models the embedded engine really loads: the shipped base, and one of its shape with random weights under its tokenizer. */
import { copyFileSync, cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SHIPPED_BASE } from '../../src/backend/demo/base.ts'
import { writeRandomModel } from '../reference/random-model.ts'

/** Replaces whatever the folder holds. */
export function putBaseModel(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  cpSync(SHIPPED_BASE, folder, { recursive: true })
}

/** @param changes of the shipped base's configuration */
export function putRandomModel(folder: string, seed: number, changes: Record<string, unknown> = {}): void {
  const made = writeRandomModel({ ...(JSON.parse(readFileSync(join(SHIPPED_BASE, 'config.json'), 'utf8')) as Record<string, unknown>), ...changes }, seed, 0.1)
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']) copyFileSync(join(SHIPPED_BASE, file), join(made, file))
  rmSync(folder, { recursive: true, force: true })
  cpSync(made, folder, { recursive: true })
  rmSync(made, { recursive: true, force: true })
}
