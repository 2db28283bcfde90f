/** The process that scores pairs for the token view: asked one after the other, it keeps the models it used last. */
import { join } from 'node:path'
import { existsSync } from 'node:fs'
import { loadRenderer } from '../../engine/chat-template.ts'
import type { Engine, Model } from '../../engine/engine.ts'
import { checkSameTokens, inspectPairs, layOutPair } from '../../engine/inspect.ts'
import { readModelConfig } from '../../engine/model-folder.ts'
import type { InspectedPair } from '../../shared/inspection.ts'
import { toBackendError } from '../errors.ts'
import type { InspectArgs, InspectRequest } from '../jobs/messages.ts'
import type { Channel } from '../jobs/run-worker.ts'
import { openWorkspace, type Workspace } from '../storage/open.ts'
import { modelFingerprint } from './models.ts'
import { findPair } from './pair-source.ts'

/** Policy and reference. */
const HELD_MODELS = 2

export async function inspectWorker({ workspace: path }: InspectArgs, channel: Channel, engine: Engine): Promise<void> {
  const workspace = openWorkspace(path, { create: false })
  const models = new HeldModels(engine)
  let working = Promise.resolve()
  // Ctrl-C reaches the whole group; the parent decides what it means.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  await new Promise<void>((ended) => {
    channel.onClose(ended)
    channel.onMessage((message) => {
      if (message.type !== 'inspect') return ended()
      working = working.then(() => answer(message.id, message.request))
    })
  })
  workspace.close()

  async function answer(id: number, request: InspectRequest): Promise<void> {
    try {
      await channel.send({ type: 'inspected', id, ...(await inspect(workspace, models, request)) })
    } catch (error) {
      await channel.send({ type: 'inspect-failed', id, error: toBackendError(error).toCallError() })
    }
  }
}

async function inspect(workspace: Workspace, models: HeldModels, { source, policy, reference, beta, maxLength }: InspectRequest): Promise<{ pair: InspectedPair; note: string | null }> {
  const { pair: { prompt, chosen, rejected }, note } = await findPair(workspace, source)
  const row = { prompt, chosen: [{ role: 'assistant', content: chosen }], rejected: [{ role: 'assistant', content: rejected }] }
  const renderer = loadRenderer(policy)
  const { max_position_embeddings: context } = readModelConfig(policy)
  // As training: never longer than the model's context.
  const layout = layOutPair(renderer, row, maxLength !== null && maxLength <= context ? { tokens: maxLength, rule: 'max_length', mode: 'keep_start' } : { tokens: context, rule: 'max_position_embeddings', mode: 'keep_start' })
  if (reference !== null && reference !== policy && existsSync(join(reference, 'tokenizer.json'))) checkSameTokens(renderer, loadRenderer(reference), row, reference)
  const loaded = { policy: await models.use(policy), reference: reference === null ? null : await models.use(reference) }
  const [pair] = await inspectPairs([layout], loaded, beta)
  if (!pair) throw new Error('the engine answered without a pair')
  return { pair, note }
}

class HeldModels {
  private readonly engine: Engine
  /** The one used last comes last. */
  private readonly held = new Map<string, Model>()

  constructor(engine: Engine) {
    this.engine = engine
  }

  async use(folder: string): Promise<Model> {
    const key = `${folder}\n${modelFingerprint(folder)}`
    const present = this.held.get(key)
    this.held.delete(key)
    for (const [oldest, model] of this.held) {
      if (this.held.size < HELD_MODELS) break
      this.held.delete(oldest)
      await model.dispose()
    }
    const model = present ?? (await this.engine.load(folder))
    this.held.set(key, model)
    return model
  }
}
