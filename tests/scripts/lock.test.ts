import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'drift-lock-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const lockModule = join(import.meta.dirname, '..', '..', 'scripts', 'lock.mjs')

/** A process that takes the lock, notes that it is in, works for a while and notes that it is out. */
function worker(name: string, workMs = 60) {
  const script = `
    import { appendFileSync } from 'node:fs'
    import { withLock } from ${JSON.stringify(lockModule)}
    const note = (text) => appendFileSync(${JSON.stringify(join(folder, 'log'))}, text + '\\n')
    await withLock(${JSON.stringify(join(folder, 'lock'))}, {}, async () => {
      note('in ${name}')
      await new Promise((resolve) => setTimeout(resolve, ${workMs}))
      note('out ${name}')
    })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' })
  return { child, ended: new Promise<number | null>((resolve) => child.on('close', resolve)) }
}

const log = () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8').trim().split('\n') : [])

function leaveLockOf(owner: object) {
  mkdirSync(join(folder, 'lock'))
  writeFileSync(join(folder, 'lock', 'owner.json'), JSON.stringify(owner))
}

/** A process id that is certainly nobody's. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--eval', ''])
  await new Promise((resolve) => child.on('close', resolve))
  return child.pid!
}

describe('withLock', () => {
  it('lets one process in at a time', async () => {
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((name) => worker(name).ended))).toEqual([0, 0, 0, 0])
    const lines = log()
    expect(lines).toHaveLength(8)
    for (let i = 0; i < lines.length; i += 2) expect(lines[i + 1]).toBe(lines[i]!.replace('in', 'out'))
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })

  it('takes over from an owner that was killed, also when several wait', async () => {
    const killed = worker('killed', 60_000)
    await expect.poll(log).toEqual(['in killed'])
    killed.child.kill('SIGKILL')
    await killed.ended
    expect(await Promise.all([worker('a').ended, worker('b').ended])).toEqual([0, 0])
    expect(log().slice(1).map((line) => line.split(' ')[0])).toEqual(['in', 'out', 'in', 'out'])
  })

  it('waits while an installer that outlived its owner still runs', async () => {
    leaveLockOf({ host: hostname(), pids: [await deadPid(), process.pid] })
    const waiting = worker('a')
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(log()).toEqual([])
    rmSync(join(folder, 'lock'), { recursive: true })
    expect(await waiting.ended).toBe(0)
  })

  it('leaves a fresh lock of another machine alone', async () => {
    leaveLockOf({ host: 'elsewhere', pids: [1] })
    const waiting = worker('a')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(log()).toEqual([])
    waiting.child.kill()
    await waiting.ended
  })
})
