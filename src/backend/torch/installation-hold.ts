/** One installation at a time, whichever process makes it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '../../engine/process.ts'
import { UsageError } from '../../shared/errors.ts'

/** @throws UsageError while a living process holds the folder; one that died leaves it to the next. */
export async function holdInstallation<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'installing.pid')
  const owner = ownerOf(file)
  if (owner !== null && isAlive(owner)) throw new UsageError(`torch engine: another installation is at work (process ${owner}); wait for it or end it`)
  rmSync(file, { force: true })
  writeFileSync(file, String(process.pid), { flag: 'wx' })
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function ownerOf(file: string): number | null {
  try {
    return Number(readFileSync(file, 'utf8')) || null
  } catch {
    return null
  }
}
