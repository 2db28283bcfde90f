import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { goldenSets } from '../../tests/support/golden-sets.ts'
import { findModel, parseHubId, placeOfModel } from './hub-cache.ts'
import { resolveModel } from './hub.ts'
import { InputError } from './input-error.ts'
import { readModelFolder, writeModelFolder } from './model-folder.ts'

const source = goldenSets()[0]!.folder
const COMMIT = 'c'.repeat(40)
const PATIENCE = { tries: 3, firstPauseMs: 1, longestPauseMs: 50, silenceMs: 400 }

type Answer = (request: IncomingMessage, response: ServerResponse, file: Buffer, from: number) => void
type Seen = { url: string; range: string | undefined; authorization: string | undefined; host: string | undefined }

let root: string
let files: Map<string, Buffer>
let seen: Seen[]
/** Answers that come first, by file name; then the file is served as the Hub does. */
let scripted: Map<string, Answer[]>
let announce: (name: string, entry: Record<string, unknown>) => Record<string, unknown>
let api: Answer | undefined
let server: Server
let storage: Server
let environment: Record<string, string | undefined>
const notes: string[] = []

const serve: Answer = (_, response, file, from) => {
  const body = file.subarray(from)
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': body.length, ...(from > 0 ? { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` } : {}) })
  response.end(body)
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { range, authorization, host } = request.headers
  const url = request.url ?? ''
  seen.push({ url, range, authorization, host })
  if (url.startsWith('/api/')) {
    if (api) return api(request, response, Buffer.alloc(0), 0)
    const siblings = [...files].map(([rfilename, bytes]) => announce(rfilename, describeFile(rfilename, bytes)))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ sha: COMMIT, siblings }))
    return
  }
  const name = decodeURIComponent(url.split('/').at(-1) ?? '')
  const file = files.get(name)
  if (!file) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end()
  const next = scripted.get(name)?.shift() ?? serve
  next(request, response, file, Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0))
}

function describeFile(rfilename: string, bytes: Buffer): Record<string, unknown> {
  const blobId = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
  if (!rfilename.endsWith('.safetensors')) return { rfilename, size: bytes.length, blobId }
  return { rfilename, size: bytes.length, blobId: 'f'.repeat(40), lfs: { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 134 } }
}

const listen = (one: Server): Promise<string> => new Promise(done => one.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${(one.address() as AddressInfo).port}`)))
const close = (one: Server): Promise<void> => new Promise(done => (one.closeAllConnections(), one.close(() => done())))

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'hub-'))
  files = new Map(readdirSync(source).filter(name => name !== 'golden').map(name => [name, readFileSync(join(source, name))]))
  files.set('pytorch_model.bin', Buffer.from('pickle'))
  files.set('README.md', Buffer.from('#'))
  seen = []
  notes.length = 0
  scripted = new Map()
  announce = (_, entry) => entry
  api = undefined
  server = createServer(answer)
  storage = createServer(answer)
  environment = { HF_ENDPOINT: await listen(server), HF_HOME: root, HF_TOKEN: 'secret' }
})
afterEach(async () => {
  await Promise.all([close(server), close(storage)])
  rmSync(root, { recursive: true, force: true })
})

const fetchModel = (name = 'org/tiny', more: Record<string, unknown> = {}) => resolveModel(name, { base: root, environment, patience: PATIENCE, progressMs: 0, note: text => void notes.push(text), ...more })
const blobs = () => readdirSync(join(root, 'hub', 'models--org--tiny', 'blobs'))
const weights = () => files.get('model.safetensors')!

describe('a name', () => {
  test('is org/name with or without a revision; paths and traps are none', () => {
    expect(parseHubId('Qwen/Qwen2.5-0.5B')).toEqual({ repository: 'Qwen/Qwen2.5-0.5B', revision: 'main' })
    expect(parseHubId('org/name@refs/pr/1')).toEqual({ repository: 'org/name', revision: 'refs/pr/1' })
    for (const text of ['name', './a/b', '/a/b', '../a/b', 'a/b/c', 'a/..', 'org/name@../../x', 'org/name@a/../b', 'org/na me', '']) expect(parseHubId(text)).toBeNull()
  })

  test('that is a folder here is the folder, and a mistyped path is not looked for on the Hub', () => {
    mkdirSync(join(root, 'org', 'tiny'), { recursive: true })
    expect(placeOfModel('org/tiny', root)).toEqual({ folder: join(root, 'org', 'tiny') })
    expect(placeOfModel('org/typo', root)).toEqual({ folder: join(root, 'org', 'typo') })
    expect(placeOfModel('models/base', root)).toEqual({ folder: join(root, 'models', 'base') })
    expect(placeOfModel('other/name', root)).toEqual({ repository: 'other/name', revision: 'main' })
  })
})

describe('fetching', () => {
  test('gives a folder that can be read, in the layout of huggingface_hub, without other formats', async () => {
    const folder = await fetchModel()
    expect(folder).toBe(join(root, 'hub', 'models--org--tiny', 'snapshots', COMMIT))
    expect([...readModelFolder(folder).weights.keys()]).toEqual([...readModelFolder(source).weights.keys()])
    expect(readdirSync(folder).sort()).toEqual(readdirSync(source).filter(name => name !== 'golden').sort())
    expect(readlinkSync(join(folder, 'model.safetensors'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/)
    expect(readFileSync(join(root, 'hub', 'models--org--tiny', 'refs', 'main'), 'utf8')).toBe(COMMIT)
    expect(readdirSync(join(root, 'hub', 'models--org--tiny')).sort()).toEqual(['blobs', 'refs', 'snapshots'])
    expect(notes.join('\n')).toMatch(/fetching org\/tiny@main: .* kB in 1 file.*\n.*kB of .* kB, .*\/s/)
  })

  test('takes the shards that the index names', async () => {
    const sharded = join(root, 'sharded')
    writeModelFolder(sharded, source, readModelFolder(source).weights, {}, 60_000)
    files = new Map([...readdirSync(sharded).map((name): [string, Buffer] => [name, readFileSync(join(sharded, name))]), ['unrelated.safetensors', Buffer.from('x')]])
    const folder = await fetchModel()
    expect(readModelFolder(folder).weights).toEqual(readModelFolder(sharded).weights)
    expect(existsSync(join(folder, 'unrelated.safetensors'))).toBe(false)
    files.delete(readdirSync(sharded).find(name => name.startsWith('model-00002'))!)
    rmSync(join(root, 'hub'), { recursive: true })
    await expect(fetchModel()).rejects.toThrow('names the shard model-00002')
  })

  test('a complete copy is used without the network; a commit names itself', async () => {
    const folder = await fetchModel()
    await close(server)
    expect(await fetchModel()).toBe(folder)
    expect(await fetchModel(`org/tiny@${COMMIT}`, { environment: { ...environment, HF_HUB_OFFLINE: '1' } })).toBe(folder)
    expect(findModel('org/tiny', root, environment)).toBe(folder)
    rmSync(join(root, 'hub', 'models--org--tiny', 'blobs', readlinkSync(join(folder, 'model.safetensors')).split('/').at(-1)!))
    expect(findModel('org/tiny', root, environment)).toBeNull()
    await expect(fetchModel('org/tiny', { environment: { ...environment, HF_HUB_OFFLINE: '1' } })).rejects.toThrow('HF_HUB_OFFLINE forbids')
  })

  test('a copy that lost a file gets this one again', async () => {
    const folder = await fetchModel()
    rmSync(join(folder, readlinkSync(join(folder, 'model.safetensors'))))
    seen = []
    expect(readModelFolder(await fetchModel()).weights.size).toBeGreaterThan(0)
    expect(seen.filter(({ url }) => url.includes('/resolve/'))).toHaveLength(1)
  })

  test('HF_HUB_CACHE says where; two at once fetch once', async () => {
    environment.HF_HUB_CACHE = join(root, 'elsewhere')
    const [one, two] = await Promise.all([fetchModel(), fetchModel()])
    expect(one).toBe(two)
    expect(one.startsWith(join(root, 'elsewhere'))).toBe(true)
    expect(seen.filter(({ url }) => url.endsWith('/model.safetensors'))).toHaveLength(1)
  })
})

describe('a broken transfer', () => {
  const dropAt = (count: number): Answer => (_, response, file, from) => {
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': file.length - from, ...(from > 0 ? { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` } : {}) })
    response.write(file.subarray(from, from + count), () => setTimeout(() => response.destroy(), 20))
  }

  test('continues where it stopped, however often, while it gets on', async () => {
    scripted.set('model.safetensors', Array.from({ length: 5 }, () => dropAt(10_000)))
    expect(readFileSync(join(await fetchModel(), 'model.safetensors'))).toEqual(weights())
    const ranges = seen.filter(({ url }) => url.endsWith('/model.safetensors')).map(({ range }) => range)
    expect(ranges).toEqual([undefined, 'bytes=10000-', 'bytes=20000-', 'bytes=30000-', 'bytes=40000-', 'bytes=50000-'])
  })

  test('of an earlier process is resumed from its .incomplete file', async () => {
    scripted.set('model.safetensors', [dropAt(30_000), ...Array.from({ length: 2 }, () => dropAt(0))])
    await expect(fetchModel()).rejects.toThrow(/no answer from the Hub after 3 tries .* what was downloaded is kept/)
    expect(blobs().filter(name => name.endsWith('.incomplete'))).toHaveLength(1)
    seen = []
    expect(readFileSync(join(await fetchModel(), 'model.safetensors'))).toEqual(weights())
    expect(seen.filter(({ url }) => url.endsWith('/model.safetensors')).map(({ range }) => range)).toEqual(['bytes=30000-'])
  })

  test('starts over where the server does not resume, or refuses the range', async () => {
    scripted.set('model.safetensors', [dropAt(30_000), (request, response, file) => serve(request, response, file, 0)])
    expect(readFileSync(join(await fetchModel(), 'model.safetensors'))).toEqual(weights())
  })

  test('that falls silent is cut and tried again', async () => {
    scripted.set('model.safetensors', [(_, response, file) => void response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 1000))])
    expect(readFileSync(join(await fetchModel(), 'model.safetensors'))).toEqual(weights())
  })

  test('with wrong content is repeated once, then refused, and nothing of it is kept', async () => {
    const wrong: Answer = (request, response, file) => serve(request, response, Buffer.alloc(file.length, 7), 0)
    scripted.set('model.safetensors', [wrong])
    expect(readFileSync(join(await fetchModel(), 'model.safetensors'))).toEqual(weights())
    expect(notes.join('\n')).toContain('wrong content')
    rmSync(join(root, 'hub'), { recursive: true })
    scripted.set('config.json', [wrong, wrong])
    await expect(fetchModel()).rejects.toThrow(/expected git-sha1 [0-9a-f]{40}, got [0-9a-f]{40}, twice/)
    expect(blobs().filter(name => name.endsWith('.incomplete')).map(name => lstatSync(join(root, 'hub', 'models--org--tiny', 'blobs', name)).size)).toEqual([0])
  })

  test('longer than announced is refused', async () => {
    announce = (name, entry) => (name === 'tokenizer.json' ? { ...entry, size: 5 } : entry)
    await expect(fetchModel()).rejects.toThrow('expected 5 bytes, got more')
  })

  test('429 and 503 are waited out as long as the server asks', async () => {
    const busy = (status: number, headers = {}): Answer => (_, response) => void response.writeHead(status, headers).end()
    scripted.set('tokenizer.json', [busy(429, { 'retry-after': '0' }), busy(503)])
    await fetchModel()
    expect(notes).toContain('the server answered 429; trying again in 0 s')
    scripted.set('config.json', [busy(429, { 'retry-after': '20' })])
    rmSync(join(root, 'hub'), { recursive: true })
    await fetchModel('org/tiny', { patience: { ...PATIENCE, longestPauseMs: 10 } })
  })

  test('is ended by the user, and the lock with it', async () => {
    const controller = new AbortController()
    scripted.set('model.safetensors', [(_, response, file) => (response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 1000)), controller.abort(new Error('enough')))])
    await expect(fetchModel('org/tiny', { signal: controller.signal })).rejects.toThrow('enough')
    expect(existsSync(join(root, 'hub', 'models--org--tiny', '.drift-lock'))).toBe(false)
  })
})

describe('the token', () => {
  test('goes to the endpoint alone, not to where it redirects', async () => {
    const elsewhere = await listen(storage)
    scripted.set('model.safetensors', [(request, response) => void response.writeHead(302, { location: `${elsewhere}${request.url}?signed` }).end()])
    files.set('model.safetensors?signed', weights())
    scripted.set('config.json', [(request, response) => void response.writeHead(307, { location: `${request.url}` }).end()])
    await fetchModel()
    const home = new URL(environment.HF_ENDPOINT!).host
    expect(seen.filter(({ host }) => host !== home)).toHaveLength(1)
    for (const { host, authorization } of seen) expect(authorization).toBe(host === home ? 'Bearer secret' : undefined)
  })
})

describe('refused, saying what to do', () => {
  const say = (status: number, code?: string): Answer => (_, response) => void response.writeHead(status, code ? { 'x-error-code': code } : {}).end('{}')
  test.each<[string, () => void, string | RegExp]>([
    ['a model that is not there', () => (api = say(404, 'RepoNotFound')), /no folder org\/tiny here, and of the Hub: .*no such model.* \(404\); check the name/],
    ['a revision that is not there', () => (api = say(404, 'RevisionNotFound')), 'no such revision'],
    ['a private model', () => (api = say(401)), 'does not exist or is private (401); check its name, and HF_TOKEN is set, but it is not valid'],
    ['a private model without token', () => ((api = say(401)), (environment.HF_TOKEN = undefined)), 'set HF_TOKEN to a token'],
    ['a gated model', () => (api = say(403, 'GatedRepo')), "accept the model's licence"],
    ['another server', () => (api = (_, response) => void response.end('<html>')), 'expected the Hub\'s description of a model, got "no JSON"'],
    ['a strange description', () => (api = (_, response) => void response.end('[]')), "expected the Hub's description of a model, got []"],
    ['no network', () => (environment.HF_ENDPOINT = 'http://127.0.0.1:64999'), /there is no folder org\/tiny here.*no answer from the Hub after 3 tries \(ECONNREFUSED\)/],
    ['a server in trouble', () => (api = say(500)), 'no answer from the Hub after 3 tries (the server answered 500)'],
    ['endless redirects', () => (api = (request, response) => void response.writeHead(302, { location: request.url }).end()), 'more than 5 redirects'],
    ['no address', () => (environment.HF_ENDPOINT = 'huggingface.co'), 'expected HF_ENDPOINT to be an http or https address'],
    ['a cache that cannot be written', () => writeFileSync(join(root, 'hub'), ''), 'set HF_HOME to a folder that can be written'],
    ['pickled weights alone', () => files.delete('model.safetensors'), 'has no model.safetensors (but pytorch_model.bin); choose a model with safetensors'],
    ['no tokenizer', () => files.delete('tokenizer.json'), 'has no tokenizer.json'],
    ['more than the disk holds', () => (announce = (name, entry) => (name === 'model.safetensors' ? { ...entry, lfs: { ...(entry.lfs as object), size: 9e15 } } : entry)), 'are to be fetched, but the disk'],
    ['names that leave the folder', () => (announce = (name, entry) => (name === 'config.json' ? { ...entry, rfilename: '../config.json' } : entry)), 'has no config.json'],
    ['hashes that leave the folder', () => (announce = (name, entry) => (name === 'config.json' ? { ...entry, blobId: '../../../x' } : entry)), "expected the Hub's description"],
  ])('%s', async (_, arrange, message) => {
    arrange()
    const refused = fetchModel()
    await expect(refused).rejects.toThrow(InputError)
    await expect(refused).rejects.toThrow(message)
  })

  test('a family that cannot run here, before its weights are fetched', async () => {
    files.set('config.json', Buffer.from('{"model_type":"gpt2"}'))
    await expect(fetchModel()).rejects.toThrow('model_type "gpt2" is not supported')
    expect(seen.some(({ url }) => url.endsWith('.safetensors'))).toBe(false)
  })
})
