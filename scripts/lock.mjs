// A lock between processes: a folder that names its owner. It comes and goes whole, by renaming, which is atomic
// everywhere. Its owner keeps it fresh; one whose owner is dead is taken over, so a kill -9 in the middle of a set-up
// costs nothing.
// Plain JavaScript without dependencies: it runs before anything is installed, on Node 20.
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
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
    if (isStale(folder, owner) && takeAway(folder)) continue
    if (!told && Date.now() - waitingSince > 300) {
      told = true
      options.onWait?.(owner?.pids[0] ?? 0)
    }
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  const release = () => remove(folder)
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
  const mine = `${folder}.${process.pid}.new`
  mkdirSync(mine, { recursive: true })
  writeOwner(mine, [process.pid])
  try {
    renameSync(mine, folder)
    return true
  } catch (error) {
    rmSync(mine, { recursive: true, force: true })
    // Windows says EPERM of a target that exists; the permission to write here has just been used.
    if (['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(error.code)) return false
    throw error
  }
}

function writeOwner(folder, pids) {
  writeFileSync(join(folder, 'owner.json'), JSON.stringify({ host: hostname(), pids }))
}

/** null: just released, or not written by this file. */
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
  return isOld(folder)
}

function isOld(folder) {
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

/**
 * Takes a dead owner's lock away. Of several that saw it one does, and looks again first: meanwhile another may have
 * done so and be the owner. Says whether it was this one.
 */
function takeAway(folder) {
  const taking = `${folder}.taking`
  try {
    mkdirSync(taking)
  } catch {
    if (isOld(taking)) rmSync(taking, { recursive: true, force: true })
    return false
  }
  try {
    if (!isStale(folder, readOwner(folder))) return false
    remove(folder)
    return true
  } finally {
    rmdirSync(taking)
  }
}

function remove(folder) {
  const aside = `${folder}.${process.pid}.old`
  try {
    renameSync(folder, aside)
  } catch {
    // there is none any more
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
