/** Files that a browser holds, brought part by part into the workspace's `uploads`, from where they are imported. */
import { appendFileSync, mkdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { UsageError } from '../../shared/errors.ts'

/** `start` is where the part belongs; without bytes the call only asks how much is there. */
type UploadPart = { name: string; size: number; modifiedMs: number; start: number; bytes: Uint8Array }

/**
 * Appends the part where it fits, and answers how many bytes are there: the sender goes on from that, also after an
 * interruption. The same file (name, size, time) has the same place, so that dropping it again uploads nothing.
 */
export function receiveUpload(workspace: string, { name, size, modifiedMs, start, bytes }: UploadPart): { path: string; bytes: number } {
  if (start + bytes.length > size) throw new UsageError(`upload of ${name}: expected at most ${size} bytes, got ${start + bytes.length}`)
  const folder = join(workspace, 'uploads', `${size}-${modifiedMs}`)
  const path = join(folder, fileName(name))
  mkdirSync(folder, { recursive: true })
  const there = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (start !== there || (bytes.length === 0 && size > 0)) return { path, bytes: there }
  appendFileSync(path, bytes)
  return { path, bytes: there + bytes.length }
}

/** The last part of a name without what has a meaning in paths. */
function fileName(name: string): string {
  return basename(name.replaceAll('\\', '/')).replaceAll(/[^\p{L}\p{N}._ ()-]/gu, '_').replace(/^\.+/, '_') || '_'
}
