/** One file over HTTP into one file on disk: resumed where it stopped, checked when it is whole. */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { InputError } from './input-error.ts'

export type Endpoint = { url: string; token: string | undefined }

/** How patient a transfer is; tests shorten it. */
export type Patience = { tries: number; firstPauseMs: number; longestPauseMs: number; silenceMs: number }
export const PATIENCE: Patience = { tries: 6, firstPauseMs: 1_000, longestPauseMs: 300_000, silenceMs: 60_000 }

export type Transfer = {
  endpoint: Endpoint
  path: string
  /** Of the whole file. */
  size: number
  /** SHA-256 of the content, or Git's SHA-1 of it as a blob. */
  digest: { algorithm: 'sha256' | 'git-sha1'; hex: string }
  patience: Patience
  signal: AbortSignal
  note: (text: string) => void
  /** Bytes that arrived now. */
  onBytes: (count: number) => void
}

const MAX_REDIRECTS = 5
const READ_BYTES = 1 << 20

/** The server said something that trying again may change. */
class Passing extends Error {
  readonly pauseMs: number | null
  constructor(message: string, pauseMs: number | null = null) {
    super(message)
    this.pauseMs = pauseMs
  }
}

/**
 * GET, with pauses and further tries where the server is busy or the connection fails. The token goes to the
 * endpoint's own host alone, whatever redirects say.
 * @throws InputError for what only the user can change (login, licence, name, no network).
 */
export async function get(endpoint: Endpoint, path: string, patience: Patience, signal: AbortSignal, note: (text: string) => void): Promise<Response> {
  return withTries(patience, signal, note, () => request(endpoint, path, 0, patience, signal).then(({ response }) => response))
}

/**
 * Appends what is missing of the file at `target`; bytes of an earlier try are kept, unless they turn out to be wrong.
 * @throws InputError when size or digest do not match even after starting over.
 */
export async function download(target: string, transfer: Transfer): Promise<void> {
  const descriptor = openSync(target, 'a+')
  try {
    for (let round = 0; ; round++) {
      const got = await fill(descriptor, transfer)
      if (got === transfer.digest.hex) break
      ftruncateSync(descriptor, 0)
      if (round > 0) throw new InputError(`${transfer.endpoint.url}${transfer.path}: expected ${transfer.digest.algorithm} ${transfer.digest.hex}, got ${got}, twice; what the server sends is not what it announces, try later or another HF_ENDPOINT`)
      transfer.note(`${transfer.path}: wrong content (${transfer.digest.algorithm} ${got}), starting over`)
    }
    fsyncSync(descriptor)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? new InputError(`the disk is full: ${target} needs ${transfer.size} bytes; free some space, or set HF_HOME to another disk, and run again: what is there is kept`) : error
  } finally {
    closeSync(descriptor)
  }
}

/** Brings the file to its size and returns its digest. */
async function fill(descriptor: number, transfer: Transfer): Promise<string> {
  if (fstatSync(descriptor).size > transfer.size) ftruncateSync(descriptor, 0)
  let hash = newHash(transfer)
  let done = hashFile(descriptor, hash)
  await withTries(transfer.patience, transfer.signal, transfer.note, async () => {
    const before = done
    try {
      if (done >= transfer.size) return
      const { response, alive } = await request(transfer.endpoint, transfer.path, done, transfer.patience, transfer.signal)
      if (done > 0 && !startsAt(response, done)) {
        // The server does not resume: it sends the whole file.
        if (response.status !== 200) throw new Passing(`unexpected range ${response.headers.get('content-range')}`)
        ftruncateSync(descriptor, 0)
        hash = newHash(transfer)
        transfer.onBytes(-done)
        done = 0
      }
      for await (const chunk of response.body ?? []) {
        alive()
        const bytes = chunk as Uint8Array
        if (done + bytes.length > transfer.size) throw new InputError(`${transfer.endpoint.url}${transfer.path}: expected ${transfer.size} bytes, got more; what the server sends is not what it announces`)
        for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written)
        hash.update(bytes)
        done += bytes.length
        transfer.onBytes(bytes.length)
      }
      if (done < transfer.size) throw new Passing(`the connection ended at byte ${done} of ${transfer.size}`)
    } catch (error) {
      // What arrived counts: only tries without progress use up patience.
      throw done > before && isPassing(error) ? new Progressed(error) : error
    }
  })
  return hash.digest('hex')
}

class Progressed extends Error {
  override readonly cause: unknown
  constructor(cause: unknown) {
    super(String(cause))
    this.cause = cause
  }
}

function newHash({ digest, size }: Transfer): Hash {
  return digest.algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}

function hashFile(descriptor: number, hash: Hash): number {
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  let done = 0
  for (let read = readSync(descriptor, buffer, 0, READ_BYTES, done); read > 0; read = readSync(descriptor, buffer, 0, READ_BYTES, done)) {
    hash.update(buffer.subarray(0, read))
    done += read
  }
  return done
}

function startsAt(response: Response, byte: number): boolean {
  return response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${byte}-`) === true
}

/** Runs `work` again after pauses while it fails in a passing way; the last failure is the user's to read. */
async function withTries<Result>(patience: Patience, signal: AbortSignal, note: (text: string) => void, work: () => Promise<Result>): Promise<Result> {
  for (let failures = 0; ; ) {
    try {
      return await work()
    } catch (thrown) {
      signal.throwIfAborted()
      const error = thrown instanceof Progressed ? thrown.cause : thrown
      if (!isPassing(error)) throw error
      failures = thrown instanceof Progressed ? 1 : failures + 1
      if (failures >= patience.tries) throw new InputError(`no answer from the Hub after ${failures} tries (${reasonOf(error)}); check the network and HF_ENDPOINT and run again: what was downloaded is kept`)
      const asked = error instanceof Passing ? error.pauseMs : null
      const pause = Math.min(asked ?? patience.firstPauseMs * 2 ** (failures - 1), patience.longestPauseMs)
      note(`${reasonOf(error)}; trying again in ${Math.ceil(pause / 1000)} s`)
      await wait(pause, undefined, { signal })
    }
  }
}

/** fetch says "fetch failed" or "terminated" for everything between here and the server. */
function isPassing(error: unknown): boolean {
  return error instanceof Passing || error instanceof TypeError
}

function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  return cause?.code ?? cause?.message ?? (error as Error).message
}

async function request({ url: base, token }: Endpoint, path: string, from: number, patience: Patience, signal: AbortSignal): Promise<{ response: Response; alive: () => void }> {
  const home = new URL(base).origin
  // A silent connection is cut, which fetch reports as any other broken one.
  const silence = new AbortController()
  const cut = () => silence.abort(new Passing(`nothing arrived for ${patience.silenceMs} ms`))
  let timer = setTimeout(cut, patience.silenceMs).unref()
  const alive = (): void => {
    clearTimeout(timer)
    timer = setTimeout(cut, patience.silenceMs).unref()
  }
  let url = new URL(base.replace(/\/+$/, '') + path)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const headers: Record<string, string> = { 'user-agent': 'drift-workbench', 'accept-encoding': 'identity' }
    if (token !== undefined && url.origin === home) headers.authorization = `Bearer ${token}`
    if (from > 0) headers.range = `bytes=${from}-`
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.any([signal, silence.signal]) })
    alive()
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) {
      if (!response.ok) throw await failure(response, url, token)
      return { response, alive }
    }
    await response.body?.cancel()
    url = new URL(location, url)
  }
  throw new InputError(`${base}${path}: more than ${MAX_REDIRECTS} redirects; check HF_ENDPOINT`)
}

async function failure(response: Response, url: URL, token: string | undefined): Promise<Error> {
  const { status, headers } = response
  const code = headers.get('x-error-code') ?? ''
  await response.body?.cancel()
  const where = `${url.origin}${url.pathname}`
  const login = token === undefined ? 'set HF_TOKEN to a token that may read it (huggingface.co/settings/tokens)' : 'HF_TOKEN is set, but it is not valid or may not read it'
  if (code === 'GatedRepo' || status === 403) return new InputError(`${where}: access is restricted (${status}${code && `, ${code}`}); accept the model's licence on its page, and ${login}`)
  if (status === 401) return new InputError(`${where}: the model does not exist or is private (401); check its name, and ${login}`)
  if (status === 404) return new InputError(`${where}: ${code === 'RevisionNotFound' ? 'the model has no such revision' : code === 'EntryNotFound' ? 'the model has no such file' : 'no such model, revision or file'} (404); check the name`)
  if (status === 416) return new Passing('the range was refused')
  if (status === 429 || status >= 500) return new Passing(`the server answered ${status}`, retryAfter(headers.get('retry-after')))
  return new InputError(`${where}: the server answered ${status}; check HF_ENDPOINT`)
}

/** Seconds or an HTTP date, in milliseconds from now. */
function retryAfter(value: string | null): number | null {
  if (value === null) return null
  const pause = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(pause) ? Math.max(0, pause) : null
}
