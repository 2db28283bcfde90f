/**
 * Models of the Hugging Face Hub on this disk, in the layout of huggingface_hub, so that Python tools and this
 * engine use the same copy: `models--org--name/{blobs/<hash>, refs/<revision>, snapshots/<commit>/<file>}`.
 */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { readPlainText } from './entries.ts'
import { CONFIG, readWeightMap, TOKENIZER, WEIGHTS, WEIGHTS_INDEX } from './model-files.ts'

export type HubId = { repository: string; revision: string }

/** Variables of the process that say where the Hub and its copies are; names are huggingface_hub's. */
export type Environment = Readonly<Record<string, string | undefined>>

const HUB_ID = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([\w][\w./-]*))?$/
const COMMIT = /^[0-9a-f]{40}$/

/** `org/name` or `org/name@revision` (branch, tag or commit); null for anything else. Says nothing about whether it exists. */
export function parseHubId(text: string): HubId | null {
  const match = HUB_ID.exec(text)
  const [repository, revision = 'main'] = [match?.[1], match?.[2]]
  if (repository === undefined || `${repository}/${revision}`.split('/').some(part => /^\.*$/.test(part))) return null
  return { repository, revision }
}

/** First parts of paths that are no organisations: a mistyped models/base is to be told as such. */
const NO_ORGANISATIONS = new Set(['models', 'datasets', 'spaces', 'runs', 'api'])

/**
 * What a model name means: a folder that exists, else a model of the Hub, else a folder that is not there. Where the
 * first part is a folder here, or none that the Hub has, a path is meant.
 */
export function placeOfModel(name: string, base = '.'): { folder: string } | HubId {
  const folder = resolve(base, name)
  const first = name.split('/')[0] ?? ''
  if (existsSync(folder) || NO_ORGANISATIONS.has(first) || existsSync(resolve(base, first))) return { folder }
  return parseHubId(name) ?? { folder }
}

/**
 * The folder of a model by path or Hub id without touching the network.
 * @param base what relative paths are relative to.
 * @returns null for a model of the Hub that has no complete copy here.
 */
export function findModel(name: string, base = '.', environment: Environment = process.env): string | null {
  const place = placeOfModel(name, base)
  return 'folder' in place ? place.folder : findCached(place, environment)
}

/** The newest complete snapshot of this revision, as the cache knows it. */
export function findCached(id: HubId, environment: Environment = process.env): string | null {
  const repository = repositoryFolder(id, environment)
  const ref = join(repository, 'refs', id.revision)
  let commit = id.revision
  if (!COMMIT.test(commit)) {
    if (!existsSync(ref)) return null
    commit = readPlainText(ref, 'a ref of the Hub cache', 1000).trim()
  }
  const snapshot = join(repository, 'snapshots', commit)
  return COMMIT.test(commit) && isComplete(snapshot) ? snapshot : null
}

export function repositoryFolder({ repository }: HubId, environment: Environment): string {
  return join(cacheFolder(environment), `models--${repository.replace('/', '--')}`)
}

function cacheFolder(environment: Environment): string {
  const home = environment.HF_HOME ?? join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface')
  return resolve(environment.HF_HUB_CACHE ?? environment.HUGGINGFACE_HUB_CACHE ?? join(home, 'hub'))
}

/** Whether configuration, tokenizer and all weights are there; a link whose file is gone counts as missing. */
function isComplete(snapshot: string): boolean {
  const has = (name: string) => existsSync(join(snapshot, name))
  if (!has(CONFIG) || !has(TOKENIZER)) return false
  if (has(WEIGHTS)) return true
  return has(WEIGHTS_INDEX) && [...new Set(readWeightMap(join(snapshot, WEIGHTS_INDEX)).values())].every(has)
}

export function isOffline(environment: Environment): boolean {
  return /^(1|true|yes|on)$/i.test(environment.HF_HUB_OFFLINE ?? '')
}

/** The files of a repository that a model folder is made of; never pickled weights, other formats or code. */
const WANTED = new Set([
  CONFIG, 'generation_config.json', TOKENIZER, 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'vocab.json', 'merges.txt',
  'tokenizer.model', 'chat_template.jinja', 'chat_template.json', 'LICENSE', 'NOTICE',
])

export function isWanted(name: string): boolean {
  return WANTED.has(name) || /^additional_chat_templates\/[\w.-]+\.jinja$/.test(name)
}
