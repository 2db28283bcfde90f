// A lock between processes: a folder, because making one is atomic everywhere. Its owner keeps it fresh;
// one whose owner is dead is taken over, so a kill -9 in the middle of a set-up costs nothing.
// Plain JavaScript without dependencies: it runs before anything is installed, on Node 20.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'

const beatMs = 2_000
const staleMs = 30_000

/**
 * Runs `work` while holding the lock at `folder`. `work` receives `holdFor(pid)`: a child whose life keeps
 * the lock too, so that it is not taken over while an orphaned installer still writes.
 * @param {string} folder
 * @param {{ onWait?: (pid: number) => void }} options
 * @param {(holdFor: (pid: number) => void) => Promise<T>} work
 * @returns {Promise<T>}
 * @template T
 */
export async function withLock(folder, options, work) {
  mkdirSync(dirname(folder), { recursive: true })
  const waitingSince = Date.now()
  let told = false
  while (!tryAcquire(folder)) {
    const owner = readOwner(folder)
    if (isStale(folder, owner)) {
      takeAway(folder, owner)
      continue
    }
    if (!told && Date.now() - waitingSince > 300) {
      told = true
      options.onWait?.(owner?.pids[0] ?? 0)
    }
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  const release = () => rmSync(folder, { recursive: true, force: true })
  const beat = setInterval(() => touch(folder), beatMs)
  process.on('exit', release)
  try {
    return await work((pid) => writeOwner(folder, [process.pid, pid]))
  } finally {
    clearInterval(beat)
    process.off('exit', release)
    release()
  }
}

function tryAcquire(folder) {
  try {
    mkdirSync(folder)
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
  writeOwner(folder, [process.pid])
  return true
}

function writeOwner(folder, pids) {
  writeFileSync(join(folder, 'owner.json'), JSON.stringify({ host: hostname(), pids }))
}

/** null: just made (its owner is about to write) or just released. */
function readOwner(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8'))
  } catch {
    return null
  }
}

/** On this machine the owner's pulse decides; on another (a shared folder) or without a name, the age does. */
function isStale(folder, owner) {
  if (owner && owner.host === hostname()) return !owner.pids.some(isAlive)
  try {
    return Date.now() - statSync(folder).mtimeMs > staleMs
  } catch {
    return false
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Renaming is atomic, so of several that saw the same dead owner one wins; a fresh owner met by mistake is put back. */
function takeAway(folder, seen) {
  const aside = `${folder}.${process.pid}.${Date.now()}`
  try {
    renameSync(folder, aside)
  } catch {
    return
  }
  if (JSON.stringify(readOwner(aside)) !== JSON.stringify(seen)) {
    try {
      renameSync(aside, folder)
      return
    } catch {
      // someone else holds it by now: the one put aside will notice nothing, as its work is idempotent
    }
  }
  rmSync(aside, { recursive: true, force: true })
}

function touch(folder) {
  try {
    const now = new Date()
    utimesSync(folder, now, now)
  } catch {
    // released meanwhile
  }
}
