/** Who works on a run, and whether that process still lives. Pids are used again, so a process is its pid and its start. */
import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { isAlive } from '../../engine/process.ts'

export type Owner = { pid: number; started: string | null; machine: string }

/** This process as an owner. */
export function thisOwner(): Owner {
  return ownerOf(process.pid)
}

export function ownerOf(pid: number): Owner {
  return { pid, started: startTime(pid), machine: thisMachine() }
}

/**
 * Whether the owner of a lease still works. On this machine the process itself is asked (a zombie is dead, so is a
 * process that took the pid over), however late it is: a laptop that slept, or a disk that stalled, ends nobody's work.
 * Elsewhere, and where the system does not tell processes of one pid apart, the lease tells.
 */
export function isOwnerAlive(owner: Owner | null, leaseUntil: number, now: number): boolean {
  if (owner === null) return false
  const isHere = owner.machine === thisMachine()
  if (isHere && owner.pid !== process.pid && !isAlive(owner.pid)) return false
  if (!isHere || owner.started === null) return leaseUntil >= now
  return owner.started === startTime(owner.pid)
}

/** @param owner as JSON. By its process alone: imports and drafts of datasets have no lease that could end. */
export const isAtWork = (owner: string | null): boolean => owner !== null && isOwnerAlive(JSON.parse(owner) as Owner, Infinity, 0)

let machine: string | undefined

/** Host and process namespace: containers count pids for themselves. */
function thisMachine(): string {
  if (machine === undefined) {
    machine = hostname()
    try {
      machine += `/${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${readlinkSync('/proc/self/ns/pid')}`
    } catch {
      // Not Linux: the host's name has to do.
    }
  }
  return machine
}

/** An opaque text that differs between processes that had the same pid; null where the system does not tell or the process is gone. */
function startTime(pid: number): string | null {
  if (process.platform === 'linux') {
    try {
      // The second field, the command in parentheses, may hold anything: count from its end.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
      const [state, ticksAtStart] = [fields[0], fields[19]]
      return state === 'Z' || state === 'X' ? 'dead' : (ticksAtStart ?? null)
    } catch {
      return 'dead'
    }
  }
  if (process.platform === 'win32') return null
  const { stdout, status } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : 'dead'
}
