/**
 * Models by their name on the Hugging Face Hub: `org/name` or `org/name@revision`. A complete copy in the cache is
 * used without a look at the network, so results do not change under a user's hands; what is missing is fetched,
 * resumed and checked. Names and variables are huggingface_hub's: HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE,
 * HF_HUB_OFFLINE.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isPresent } from './entries.ts'
import { findCached, isOffline, isWanted, placeOfModel, repositoryFolder } from './hub-cache.ts'
import type { Environment, HubId } from './hub-cache.ts'
import { download, get, PATIENCE } from './hub-transfer.ts'
import type { Endpoint, Patience } from './hub-transfer.ts'
import { InputError } from './input-error.ts'
import { describeJson, readJsonObject } from './json-file.ts'
import { parseModelConfig } from './model-config.ts'
import { CONFIG, readWeightMap, TOKENIZER, WEIGHTS, WEIGHTS_INDEX } from './model-files.ts'
import { isAlive } from './process.ts'

export type HubOptions = {
  /** What relative paths are relative to; default: the working directory. */
  base?: string
  environment?: Environment
  /** One line for the user: what is fetched, how fast, what is waited for. */
  note?: (text: string) => void
  signal?: AbortSignal
  patience?: Patience
  /** Between two lines of progress. */
  progressMs?: number
}

type RemoteFile = { name: string; size: number; blob: string; algorithm: 'sha256' | 'git-sha1' }
type Fetching = Required<Omit<HubOptions, 'base'>> & { id: HubId; endpoint: Endpoint; repository: string; commit: string; files: Map<string, RemoteFile> }

/**
 * The folder of a model named by path or by Hub id, fetched first where it has to be. A folder of that name wins.
 * @throws InputError when it cannot be had: not there, restricted, offline, no space, not what was announced.
 */
export async function resolveModel(name: string, options: HubOptions = {}): Promise<string> {
  const { environment = process.env, note = () => {}, signal = new AbortController().signal, patience = PATIENCE, progressMs = 5_000 } = options
  const place = placeOfModel(name, options.base)
  if ('folder' in place) return place.folder
  const cached = findCached(place, environment)
  if (cached !== null) return cached
  const repository = repositoryFolder(place, environment)
  if (isOffline(environment)) throw new InputError(`${name} is neither a folder nor complete in ${repository}, and HF_HUB_OFFLINE forbids fetching it; unset it, or name a folder`)
  const endpoint = { url: environment.HF_ENDPOINT || 'https://huggingface.co', token: environment.HF_TOKEN || undefined }
  if (!/^https?:\/\/[^/]/.test(endpoint.url) || !URL.canParse(endpoint.url)) throw new InputError(`expected HF_ENDPOINT to be an http or https address, got ${describeJson(endpoint.url)}`)
  try {
    mkdirSync(join(repository, 'blobs'), { recursive: true })
  } catch (error) {
    throw new InputError(`cannot keep models in ${repository} (${(error as NodeJS.ErrnoException).code}); set HF_HOME to a folder that can be written`)
  }
  const unlock = await lock(repository, note, signal)
  try {
    const already = findCached(place, environment)
    if (already !== null) return already
    const listed = await listFiles(place, endpoint, patience, signal, note).catch((error: unknown) => {
      throw error instanceof InputError ? new InputError(`there is no folder ${name} here, and of the Hub: ${error.message}`) : error
    })
    return await fetchModel({ id: place, environment, note, signal, patience, progressMs, endpoint, repository, ...listed })
  } finally {
    unlock()
  }
}

/** Small files first: a model that cannot be run here is refused before its weights are fetched. */
async function fetchModel(fetching: Fetching): Promise<string> {
  const { id, files, repository, commit, note } = fetching
  const name = `${id.repository}@${id.revision}`
  const snapshot = join(repository, 'snapshots', commit)
  for (const needed of [CONFIG, TOKENIZER]) {
    if (!files.has(needed)) throw new InputError(`${name} has no ${needed}, it is not a model that can be run here; choose another, or its original`)
  }
  if (!files.has(WEIGHTS) && !files.has(WEIGHTS_INDEX)) {
    const other = [...files.keys()].find(file => /\.(bin|pt|pth|gguf|h5|onnx)$/.test(file))
    throw new InputError(`${name} has no ${WEIGHTS}${other ? ` (but ${other})` : ''}; choose a model with safetensors weights, or convert it with Transformers' save_pretrained`)
  }
  const small = [...files.values()].filter(file => isWanted(file.name) || (file.name === WEIGHTS_INDEX && !files.has(WEIGHTS)))
  await fetchFiles(fetching, small, null)
  const config = join(snapshot, CONFIG)
  parseModelConfig(readJsonObject(config), config)
  const weights = files.has(WEIGHTS) ? [WEIGHTS] : [...new Set(readWeightMap(join(snapshot, WEIGHTS_INDEX)).values())]
  const large = weights.map(weight => files.get(weight) ?? missingShard(name, weight))
  const missing = large.filter(file => !existsSync(join(snapshot, file.name)))
  const total = missing.reduce((sum, { size }) => sum + size, 0)
  checkSpace(repository, total - missing.reduce((sum, file) => sum + sizeOf(incomplete(repository, file)), 0))
  note(`fetching ${name}: ${formatBytes(total)} in ${missing.length} ${missing.length === 1 ? 'file' : 'files'}, to ${repository}`)
  await fetchFiles(fetching, missing, progressLines(fetching, total))
  if (id.revision !== commit) {
    const ref = join(repository, 'refs', id.revision)
    mkdirSync(dirname(ref), { recursive: true })
    writeFileSync(`${ref}.tmp-${process.pid}`, commit)
    renameSync(`${ref}.tmp-${process.pid}`, ref)
  }
  return snapshot
}

function missingShard(name: string, shard: string): never {
  throw new InputError(`${name}: ${WEIGHTS_INDEX} names the shard ${shard}, which the repository does not have; choose another revision`)
}

async function fetchFiles(fetching: Fetching, files: RemoteFile[], onBytes: ((count: number) => void) | null): Promise<void> {
  const { id, repository, commit, endpoint, patience, signal, note } = fetching
  for (const file of files) {
    const link = join(repository, 'snapshots', commit, file.name)
    const blob = join(repository, 'blobs', file.blob)
    const partial = incomplete(repository, file)
    if (existsSync(link)) continue
    if (!existsSync(blob)) {
      onBytes?.(sizeOf(partial))
      await download(partial, {
        endpoint, patience, signal, note, size: file.size, digest: { algorithm: file.algorithm, hex: file.blob }, onBytes: onBytes ?? (() => {}),
        path: `/${id.repository}/resolve/${commit}/${file.name.split('/').map(encodeURIComponent).join('/')}`,
      })
      renameSync(partial, blob)
    } else {
      onBytes?.(file.size)
    }
    mkdirSync(dirname(link), { recursive: true })
    // Not rmSync, which overlooks links that lead nowhere.
    if (isPresent(link)) unlinkSync(link)
    linkBlob(blob, link)
  }
}

/** A relative link, as huggingface_hub makes it; where the system has none (Windows without the right), the file itself. */
function linkBlob(blob: string, link: string): void {
  try {
    symlinkSync(relative(dirname(link), blob), link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    renameSync(blob, link)
  }
}

function incomplete(repository: string, file: RemoteFile): string {
  return join(repository, 'blobs', `${file.blob}.incomplete`)
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** The commit of a revision and its files, with sizes and hashes. */
async function listFiles({ repository, revision }: HubId, endpoint: Endpoint, patience: Patience, signal: AbortSignal, note: (text: string) => void): Promise<Pick<Fetching, 'commit' | 'files'>> {
  const path = `/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`
  const response = await get(endpoint, path, patience, signal, note)
  const broken = (got: unknown) => new InputError(`${endpoint.url}${path}: expected the Hub's description of a model, got ${describeJson(got)}; check HF_ENDPOINT`)
  let answer: unknown
  try {
    answer = await response.json()
  } catch {
    signal.throwIfAborted()
    throw broken('no JSON')
  }
  const { sha, siblings } = Object(answer) as { sha?: unknown; siblings?: unknown }
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha) || !Array.isArray(siblings)) throw broken(answer)
  const files = new Map<string, RemoteFile>()
  for (const sibling of siblings as unknown[]) {
    const { rfilename: name, size, blobId, lfs } = Object(sibling) as Record<string, unknown>
    // Names become paths: only plain ones, and the one folder that models have.
    if (typeof name !== 'string' || !(/^[\w][\w.-]*$/.test(name) || isWanted(name))) continue
    const { sha256, size: lfsSize } = Object(lfs) as Record<string, unknown>
    const blob = sha256 ?? blobId
    const bytes = lfsSize ?? size
    if (typeof blob !== 'string' || !(sha256 === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(blob) || !Number.isSafeInteger(bytes) || (bytes as number) < 0) throw broken(sibling)
    files.set(name, { name, blob, size: bytes as number, algorithm: sha256 === undefined ? 'git-sha1' : 'sha256' })
  }
  return { commit: sha, files }
}

function checkSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < bytes) throw new InputError(`${formatBytes(bytes)} are to be fetched, but the disk of ${folder} has room for ${formatBytes(bavail * bsize)}; free some space, or set HF_HOME to another disk`)
}

/** Counts what is there and says how far and how fast, at most every `progressMs`. The first bytes told of a file are those of earlier tries: they make no speed. */
function progressLines({ note, progressMs }: Fetching, total: number): (count: number) => void {
  let done = 0
  let start: { at: number; done: number } | undefined
  let toldAt = performance.now()
  return count => {
    done += count
    const now = performance.now()
    if (start === undefined) {
      start = { at: now, done }
      return
    }
    if (now - toldAt < progressMs && done < total) return
    toldAt = now
    const rate = (done - start.done) / Math.max(1e-3, (now - start.at) / 1000)
    const left = rate > 0 ? `, ${formatSeconds((total - done) / rate)} left` : ''
    note(`${formatBytes(done)} of ${formatBytes(total)}, ${formatBytes(rate)}/s${done < total ? left : ''}`)
  }
}

function formatBytes(bytes: number): string {
  for (const [unit, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]] as const) if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`
  return `${Math.round(bytes)} B`
}

function formatSeconds(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

/** One process fetches a model, others wait for it; the lock of a dead process is taken over. */
async function lock(repository: string, note: (text: string) => void, signal: AbortSignal): Promise<() => void> {
  const file = resolve(repository, '.drift-lock')
  for (let waited = 0; ; waited++) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = readOwner(file)
    if (owner === null ? isStale(file) : !isAlive(owner)) rmSync(file, { force: true })
    else {
      if (waited === 0) note(`another process (${owner}) is fetching to ${repository}; waiting for it`)
      await wait(500, undefined, { signal })
    }
  }
}

function readOwner(file: string): number | null {
  try {
    return Number(readFileSync(file, 'utf8')) || null
  } catch {
    return null
  }
}

/** Its owner ended between making it and writing into it. */
function isStale(file: string): boolean {
  const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs
  return made !== undefined && Date.now() - made > 10_000
}
