/** Model folders of a run: loading one at a time, knowing them by hash, sharing their files between runs. */
import { createHash } from 'node:crypto'
import { closeSync, copyFileSync, existsSync, linkSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Device } from '../../engine/device.ts'
import type { Engine, LoraSettings, Model } from '../../engine/engine.ts'
import { syncFolder } from '../../engine/safetensors.ts'
import { findFileHash, setFileHash } from '../storage/run-stages.ts'
import type { WritableDb } from '../storage/open.ts'

/** Holds the model used last: one run never needs the memory of two. */
export class ModelShelf {
  private readonly engine: Engine
  private readonly threads: number
  private readonly device: Device
  private held: { folder: string; model: Model } | null = null

  constructor(engine: Engine, threads: number, device: Device) {
    this.engine = engine
    this.threads = threads
    this.device = device
  }

  async use(folder: string): Promise<Model> {
    if (this.held?.folder === folder) return this.held.model
    await this.release()
    const model = await this.engine.load(folder, { threads: this.threads, device: this.device })
    this.held = { folder, model }
    return model
  }

  /** For training: the model no longer stands for its folder. Give it back with `put` once it is saved. */
  async take(folder: string): Promise<Model> {
    const model = await this.use(folder)
    this.held = null
    return model
  }

  /** For an adapter that begins anew on the model. It never comes back: what follows loads the merged folder. */
  async takeWithAdapter(folder: string, newAdapter: LoraSettings): Promise<Model> {
    await this.release()
    return this.engine.load(folder, { threads: this.threads, device: this.device, newAdapter })
  }

  async put(folder: string, model: Model): Promise<void> {
    await this.release()
    this.held = { folder, model }
  }

  async release(): Promise<void> {
    const { held } = this
    this.held = null
    await held?.model.dispose()
  }
}

/** Files that decide what a model says. */
const HASHED = /\.safetensors$|^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map)\.json$|^chat_template\.jinja$/
const READ_BYTES = 8 << 20

/** Hash of a model folder's weights, configuration and tokenizer. A file of known size and time is not read again; without a workspace (null) all are. */
export function hashModel(db: WritableDb | null, folder: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).filter((file) => HASHED.test(file)).sort()) hash.update(`${name} ${hashFile(db, join(folder, name))}\n`)
  return hash.digest('hex')
}

function hashFile(db: WritableDb | null, path: string): string {
  const { size, mtimeNs } = statSync(path, { bigint: true })
  const known = db === null ? null : findFileHash(db, path, Number(size), mtimeNs)
  if (known !== null) return known
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  const descriptor = openSync(path, 'r')
  try {
    for (let bytes = readSync(descriptor, buffer); bytes > 0; bytes = readSync(descriptor, buffer)) hash.update(buffer.subarray(0, bytes))
  } finally {
    closeSync(descriptor)
  }
  const digest = hash.digest('hex')
  if (db !== null) setFileHash(db, path, Number(size), mtimeNs, digest)
  return digest
}

/** The same model under another name: hard links where the disk allows them, else copies. Whole or absent. */
export function linkModel(from: string, to: string): void {
  const draft = join(dirname(to), `.${basename(to)}.link-${process.pid}`)
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true })
  linkFiles(from, draft)
  syncFolder(draft)
  rmSync(to, { recursive: true, force: true })
  renameSync(draft, to)
  syncFolder(dirname(to))
}

function linkFiles(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) {
      mkdirSync(target)
      linkFiles(source, target)
      continue
    }
    try {
      linkSync(source, target)
    } catch {
      copyFileSync(source, target)
    }
  }
}

/** Whether a folder still holds the model of that hash. */
export function isModelIntact(db: WritableDb, folder: string, hash: string): boolean {
  return existsSync(join(folder, 'config.json')) && hashModel(db, folder) === hash
}

/** Whether a folder still holds the adapter of that hash. */
export function isAdapterIntact(db: WritableDb, folder: string, hash: string): boolean {
  return existsSync(join(folder, 'adapter_config.json')) && hashModel(db, folder) === hash
}
