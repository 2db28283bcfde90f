/** Files that a browser holds, brought part by part into the workspace's `uploads`, from where they are imported. */
import { appendFileSync, mkdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '../../shared/errors.ts'

/** `start` is where the part belongs; without bytes the call only asks how much is there. */
type UploadPart = { name: string; folder?: string | undefined; size: number; modifiedMs: number; start: number; bytes: Uint8Array }

/**
 * Appends the part where it fits, and answers how many bytes are there: the sender goes on from that, also after an
 * interruption. The same file (name, size, time) has the same place, so that dropping it again uploads nothing; those
 * of one folder lie beside each other as they did there, and the path answered is the folder's.
 */
export function receiveUpload(workspace: string, { name, folder: key, size, modifiedMs, start, bytes }: UploadPart): { path: string; bytes: number } {
  if (start + bytes.length > size) throw new UsageError(`upload of ${name}: expected at most ${size} bytes, got ${start + bytes.length}`)
  const place = join(workspace, 'uploads', key ?? `${size}-${modifiedMs}`)
  const parts = key === undefined ? [fileName(name)] : name.split('/').map(encodedName)
  const file = join(place, ...parts)
  const path = join(place, parts[0]!)
  mkdirSync(dirname(file), { recursive: true })
  const there = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (there > size) throw new UsageError(`upload of ${name}: expected its own place in the workspace, got that of another file (${file}). Delete ${place} and drop the folder again`)
  if (start !== there || (bytes.length === 0 && size > 0)) return { path, bytes: there }
  appendFileSync(file, bytes)
  return { path, bytes: there + bytes.length }
}

/** The last part of a name without what has a meaning in paths. */
function fileName(name: string): string {
  return basename(name.replaceAll('\\', '/')).replaceAll(/[^\p{L}\p{N}._ ()-]/gu, '_').replace(/^\.+/, '_') || '_'
}

/** A part of a name within a folder: no two are written alike. */
function encodedName(part: string): string {
  return part.replaceAll(/[^\p{L}\p{N}._ ()-]|^\.+/gu, (odd) => [...odd].map((character) => `~${character.codePointAt(0)!.toString(16)}`).join('')) || '~'
}
