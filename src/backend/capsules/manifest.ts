/** `capsule.json`: what a capsule holds, with the hash of every other entry. The same file marks the folder it is unpacked to. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { CapsuleInfo } from '../../shared/capsule.ts'
import { BackendError } from '../errors.ts'

export const MANIFEST = 'capsule.json'
export const DATABASE = 'workspace.db'
/** Rises when a reader of this version could not make sense of a capsule. */
export const CAPSULE_VERSION = 1
/** The archive's comment is this and the SHA-256 of the manifest, so that a changed manifest is seen. */
export const COMMENT = 'drift-capsule '

/** A rubric is a page at most. */
const RUBRIC_CHARACTERS = 100_000

const hash = z.string().regex(/^[0-9a-f]{64}$/)
export const manifestSchema = z.object({
  format: z.literal('drift-capsule'),
  version: z.int(),
  title: z.string(),
  createdAt: z.string(),
  /** What wrote it, and what the runs were computed with. */
  versions: z.object({ app: z.string(), node: z.string(), /** Engines of the runs' stages. */ computedBy: z.array(z.string()), platform: z.string(), machine: z.string() }),
  /** Of the database. */
  schema: z.int(),
  runs: z.array(z.object({ id: z.string(), name: z.string(), method: z.string(), seed: z.int(), status: z.string(), group: z.string().nullable() })),
  datasets: z.array(z.object({ name: z.string(), kind: z.string(), rows: z.int(), hash: z.string() })),
  /** Hashes of weights, configuration and tokenizer together; null where a folder is no longer there. */
  models: z.array(z.object({ path: z.string(), hash: hash.nullable(), included: z.boolean() })),
  /** The workspace's, which its signals and duels follow; none in capsules of earlier versions. */
  rubric: z.string().max(RUBRIC_CHARACTERS).optional(),
  entries: z.array(z.object({ path: z.string(), bytes: z.int().min(0), sha256: hash })),
})
export type Manifest = z.infer<typeof manifestSchema>

export const fingerprintOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** What a folder that a capsule was unpacked to says of itself; null for any other workspace. */
export function readCapsuleInfo(folder: string): CapsuleInfo | null {
  const found = readManifest(folder)
  return found && infoOf(found.manifest, found.bytes)
}

/** The rubric that came with the capsule a folder was unpacked from; null of any other workspace, and of older capsules. */
export const capsuleRubric = (folder: string): string | null => readManifest(folder)?.manifest.rubric ?? null

function readManifest(folder: string): { manifest: Manifest; bytes: Buffer } | null {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(folder, MANIFEST))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  return { manifest: parseManifest(bytes, join(folder, MANIFEST)), bytes }
}

export function infoOf(manifest: Manifest, bytes: Buffer): CapsuleInfo {
  return { title: manifest.title, createdAt: manifest.createdAt, appVersion: manifest.versions.app, fingerprint: fingerprintOf(bytes), runs: manifest.runs.length, models: manifest.models.some(({ included }) => included), rubric: manifest.rubric !== undefined }
}

/** @throws BackendError where it is no manifest, or one of a newer version. */
export function parseManifest(bytes: Buffer, where: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new BackendError('bad-input', `capsule ${where}: expected ${MANIFEST} to be JSON, got something else. The file is damaged: get it again`)
  }
  // A newer manifest may look otherwise: its version is read before anything else.
  const { version } = z.object({ version: z.int() }).catch({ version: CAPSULE_VERSION }).parse(value)
  if (version > CAPSULE_VERSION) throw new BackendError('bad-input', `capsule ${where}: expected at most version ${CAPSULE_VERSION}, got ${version}. It was written by a newer DRIFT Workbench: update this one`)
  const parsed = manifestSchema.safeParse(value)
  if (!parsed.success) throw new BackendError('bad-input', `capsule ${where}: ${MANIFEST} is not what a DRIFT Workbench writes (${parsed.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}). Save the capsule again`)
  return parsed.data
}
