/**
 * Opens a `.drift` file: everything in it is held against its manifest and its hashes before a byte of it is used,
 * then it lies in a folder of its own below the user's settings, named by its fingerprint. A capsule is somebody
 * else's file: names, sizes and versions in it are not believed.
 */
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { readRubric } from '../../core/rubric.ts'
import type { CapsuleInfo } from '../../shared/capsule.ts'
import { BackendError } from '../errors.ts'
import { configFolder } from '../recent-workspaces.ts'
import { migrations } from '../storage/migrations/index.ts'
import { COMMENT, DATABASE, fingerprintOf, infoOf, MANIFEST, type Manifest, parseManifest } from './manifest.ts'

export type OpenedCapsule = { /** A workspace that can only be read. */ folder: string; info: CapsuleInfo; manifest: Manifest }

const MANIFEST_BYTES = 16 << 20
/** Databases and texts shrink to a tenth, weights not at all: what unpacks to more than this many times its size is made to fill a disk. */
const MAX_RATIO = 100
const SMALL_BYTES = 64 << 20
const ZIP_START = Buffer.from('PK\x03\x04')
/** Places an entry may have; yauzl refuses names that lead out of the archive, whatever they begin with. */
const ENTRY = /^(workspace\.db|(recipes|exports|models|runs)\/[^\0]+)$/

/** @throws BackendError that says what is wrong with the file and what to do. */
export async function openCapsule(path: string, home: string = configFolder()): Promise<OpenedCapsule> {
  const file = resolve(path)
  const packed = requireArchive(file)
  const zip = await openPromise(file, { autoClose: false }).catch((error: Error) => {
    throw refusal(file, `expected a whole zip archive, got one without its end (${error.message}). It was cut off on its way: get it again`)
  })
  try {
    const entries = await listEntries(zip, file)
    const bytes = await readManifest(zip, entries, file)
    const manifest = parseManifest(bytes, file)
    if (manifest.schema > migrations.length) throw refusal(file, `expected a database of at most version ${migrations.length}, got ${manifest.schema}. It was written by a newer DRIFT Workbench (${manifest.versions.app}): update this one`)
    checkContents(manifest, entries, packed, file)
    checkRubric(manifest, file)
    const info = infoOf(manifest, bytes)
    const folder = join(home, 'capsules', `${slug(manifest.title)}-${info.fingerprint.slice(0, 12)}`)
    mkdirSync(dirname(folder), { recursive: true })
    checkRoom(manifest, dirname(folder), file)
    const draft = mkdtempSync(`${folder}.`)
    try {
      for (const entry of manifest.entries) await unpack(zip, entries.get(entry.path)!, entry, join(draft, entry.path), file)
      writeFileSync(join(draft, MANIFEST), bytes)
      // Unpacked before by the same fingerprint, it is the same; another process may have it open.
      if (!existsSync(folder)) renameSync(draft, folder)
    } finally {
      rmSync(draft, { recursive: true, force: true })
    }
    return { folder, info, manifest }
  } finally {
    zip.close()
  }
}

const refusal = (file: string, message: string): BackendError => new BackendError('bad-input', `capsule ${file}: ${message}`)

/** Size of the file. */
function requireArchive(file: string): number {
  let start: Buffer
  let size: number
  try {
    size = statSync(file).size
    const descriptor = openSync(file, 'r')
    start = Buffer.alloc(ZIP_START.length)
    readSync(descriptor, start)
    closeSync(descriptor)
  } catch (error) {
    throw refusal(file, `expected a .drift file, could not read it (${(error as NodeJS.ErrnoException).code ?? String(error)}). Check the path`)
  }
  if (!start.equals(ZIP_START)) throw refusal(file, `expected a .drift file, which begins as a zip archive does, got ${size === 0 ? 'an empty file' : 'something else'}. Save one with \`drift capsule save\``)
  return size
}

async function listEntries(zip: ZipFile, file: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>()
  try {
    for await (const entry of zip.eachEntry()) {
      if (entries.has(entry.fileName)) throw new Error(`"${entry.fileName}" stands in it twice`)
      entries.set(entry.fileName, entry)
    }
  } catch (error) {
    throw refusal(file, `its list of contents cannot be trusted (${error instanceof Error ? error.message : String(error)}). It was damaged or made to do harm: get it from whoever saved it`)
  }
  return entries
}

async function readManifest(zip: ZipFile, entries: Map<string, Entry>, file: string): Promise<Buffer> {
  const entry = entries.get(MANIFEST)
  if (entry === undefined) throw refusal(file, `expected ${MANIFEST} in it, found ${[...entries.keys()].slice(0, 3).join(', ') || 'nothing'}. It is a zip archive, but no capsule`)
  if (entry.uncompressedSize > MANIFEST_BYTES) throw refusal(file, `expected ${MANIFEST} of at most ${MANIFEST_BYTES} bytes, got ${entry.uncompressedSize}. It was not written by a DRIFT Workbench`)
  const parts: Buffer[] = []
  try {
    for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer)
  } catch (error) {
    throw damaged(file, MANIFEST, error)
  }
  const bytes = Buffer.concat(parts)
  const expected = zip.comment.startsWith(COMMENT) ? zip.comment.slice(COMMENT.length) : 'none'
  if (fingerprintOf(bytes) !== expected) throw refusal(file, `expected ${MANIFEST} with the fingerprint ${expected.slice(0, 12)}, got ${fingerprintOf(bytes).slice(0, 12)}. It was changed after it was saved: get it from whoever saved it`)
  return bytes
}

/** What the archive says of itself against what the manifest says, before anything is unpacked. */
function checkContents({ entries: expected }: Manifest, entries: Map<string, Entry>, packed: number, file: string): void {
  const names = new Set(expected.map(({ path }) => path))
  if (!names.has(DATABASE)) throw refusal(file, `expected ${DATABASE} among its contents, found none. Save the capsule again`)
  for (const { path } of expected) if (!ENTRY.test(path) || path.split('/').includes('..')) throw refusal(file, `"${path}" would lie outside the places of a capsule. It was made to do harm: do not trust where it came from`)
  for (const name of entries.keys()) if (name !== MANIFEST && !names.has(name)) throw refusal(file, `it holds "${name}", which its ${MANIFEST} does not name. It was changed after it was saved: get it from whoever saved it`)
  for (const { path, bytes } of expected) {
    const entry = entries.get(path)
    if (entry === undefined) throw refusal(file, `expected ${path} in it, found none. It was changed after it was saved: get it again`)
    if (entry.uncompressedSize !== bytes) throw refusal(file, `${path}: expected ${bytes} bytes, got ${entry.uncompressedSize}. It was changed after it was saved: get it again`)
  }
  const total = expected.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total > SMALL_BYTES && total > MAX_RATIO * packed) throw refusal(file, `${packed} bytes would unpack to ${total}, more than ${MAX_RATIO} times as much. No capsule does: it was made to fill a disk`)
}

/** One that cannot be read would fail every page that shows a category. */
function checkRubric({ rubric }: Manifest, file: string): void {
  if (rubric === undefined) return
  try {
    readRubric(rubric)
  } catch (error) {
    throw refusal(file, `${error instanceof Error ? error.message : String(error)}. It was not written by a DRIFT Workbench: get it from whoever saved it`)
  }
}

function checkRoom({ entries }: Manifest, folder: string, file: string): void {
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0)
  const { bavail, bsize } = statfsSync(folder)
  if (total > bavail * bsize) throw refusal(file, `it unpacks to ${total} bytes, and ${folder} has room for ${bavail * bsize}. Free some space, or set DRIFT_HOME to a folder on another disk`)
}

async function unpack(zip: ZipFile, entry: Entry, { path, sha256 }: Manifest['entries'][number], target: string, file: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true })
  const hash = createHash('sha256')
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  let source: Readable
  try {
    source = await zip.openReadStreamPromise(entry)
    await pipeline(source, hashing, createWriteStream(target))
  } catch (error) {
    // A full disk is the reader's, not the capsule's.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) throw error
    throw damaged(file, path, error)
  }
  const got = hash.digest('hex')
  if (got !== sha256) throw refusal(file, `${path}: expected SHA-256 ${sha256.slice(0, 12)}…, got ${got.slice(0, 12)}…. It was changed after it was saved: get it from whoever saved it`)
}

function damaged(file: string, path: string, error: unknown): BackendError {
  return refusal(file, `${path} cannot be unpacked (${error instanceof Error ? error.message : String(error)}). The file is damaged: get it again`)
}

const slug = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40) || 'capsule'
