/**
 * Makes the workspace of the built-in experiment: simulated users talk to the base model, their logs are written as
 * ordinary JSONL and imported, datasets are frozen, recipes written. From there on nothing knows of the demo.
 * Every part that exists already is kept, so an interrupted preparation continues.
 */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash32 } from '../../core/rng.ts'
import { type ChatMessage, simulateLog } from '../../core/world/log.ts'
import { PROBE_CONDITIONS, type ProbeCondition, type ProbeFigures, probeConversations, selectProbeCases, summarizeProbe } from '../../core/world/probe.ts'
import { drawRequests, type RenderedRequest } from '../../core/world/request.ts'
import { verifyReply } from '../../core/world/reply.ts'
import { loadRenderer } from '../../engine/chat-template.ts'
import { embeddedEngine } from '../../engine/embedded.ts'
import type { Pair, PromptRow, VerifiableTask } from '../../shared/types.ts'
import { importFiles } from '../imports/import-files.ts'
import { buildFeedback, buildSeedPairs } from '../storage/build-datasets.ts'
import { createDataset, hasDataset } from '../storage/datasets.ts'
import type { Workspace } from '../storage/open.ts'
import { SHIPPED_BASE } from './base.ts'
import { BASE_MODEL, type DemoMethod, type DemoSize, demoRecipe, feedbackDataset, HELDOUT_DATASET, seedPairsDataset, SWEEP_DATASET, SWEEP_PROMPTS, TEST_DATASET, WORLD_SEED } from './settings.ts'

const MAX_NEW_TOKENS = 48
const BATCH_SIZE = 256
const HELDOUT_SAMPLES = 16
/** Best minus worst reward below which a request gives no held-out pair. */
const HELDOUT_GAP = 0.2

export type PrepareProgress = (stage: string, done: number, total: number) => void

export async function prepareDemo(workspace: Workspace, options: { seeds: number[]; size: DemoSize; methods: DemoMethod[]; /** Folder of another base than the one that ships. */ base?: string; onProgress?: PrepareProgress; signal?: AbortSignal }): Promise<{ probe: ProbeFigures }> {
  const { seeds, size, methods, signal } = options
  const progress = options.onProgress ?? (() => {})
  const { db } = workspace

  const folder = join(workspace.path, BASE_MODEL)
  if (!existsSync(folder)) {
    const half = `${folder}.partial`
    rmSync(half, { recursive: true, force: true })
    cpSync(options.base ?? SHIPPED_BASE, half, { recursive: true })
    renameSync(half, folder)
  }
  const sampler = await loadSampler(folder, signal)
  try {
    const total = seeds.length + 2
    progress('probe: does the base use feedback?', 0, total)
    const probe = await measureProbe(sampler, size.testPrompts * 2)

    for (const [i, seed] of seeds.entries()) {
      if (hasDataset(db, seedPairsDataset(seed))) continue
      progress(`users talk to the base model (log ${seed})`, i + 1, total)
      const rows = await simulateLog({ seed, users: size.users, model: 'base', reply: (conversations) => sampler.reply(conversations, `log ${seed}`) })
      const source = `built-in world, log ${seed}`
      const file = join(workspace.path, 'logs', `built-in-world-${seed}.jsonl`)
      mkdirSync(join(workspace.path, 'logs'), { recursive: true })
      writeFileSync(file, rows.map((row) => `${JSON.stringify({ ...row, source })}\n`).join(''))
      await importFiles(db, [file], signal ? { signal } : {})
      createDataset(db, { name: feedbackDataset(seed), kind: 'feedback', rows: buildFeedback(db, { source, attribution: 'request' }), recipe: { from: 'signals', source, decider: 'winning', attribution: 'request' } })
      createDataset(db, { name: seedPairsDataset(seed), kind: 'preference', rows: buildSeedPairs(db, { source }), recipe: { from: 'DSAT then SAT in one conversation', source } })
    }

    progress('test requests and held-out pairs', total - 1, total)
    if (!hasDataset(db, TEST_DATASET)) {
      const rows = drawRequests({ worldSeed: WORLD_SEED, split: 'test', n: size.testPrompts }).map(promptRow)
      createDataset(db, { name: TEST_DATASET, kind: 'prompts', rows, recipe: { from: 'built-in world', split: 'test', worldSeed: WORLD_SEED, probe: { conditioned: probe.conditions.guided.score, unconditioned: probe.conditions.unconditioned.score, gain: probe.probe } } })
    }
    if (!hasDataset(db, SWEEP_DATASET)) {
      createDataset(db, { name: SWEEP_DATASET, kind: 'prompts', rows: drawRequests({ worldSeed: WORLD_SEED, split: 'sweep', n: SWEEP_PROMPTS }).map(promptRow), recipe: { from: 'built-in world', split: 'sweep', worldSeed: WORLD_SEED } })
    }
    if (!hasDataset(db, HELDOUT_DATASET)) {
      const requests = drawRequests({ worldSeed: WORLD_SEED, split: 'heldout', n: size.heldoutPrompts })
      createDataset(db, { name: HELDOUT_DATASET, kind: 'preference', rows: await heldoutPairs(sampler, requests), recipe: { from: 'base samples ranked by the verifier', split: 'heldout', worldSeed: WORLD_SEED, samples: HELDOUT_SAMPLES, gap: HELDOUT_GAP } })
    }
    for (const method of methods) writeFileSync(join(workspace.recipes, `${method}.yaml`), demoRecipe(method, seeds[0]!, size))
    progress('ready', total, total)
    return { probe }
  } finally {
    await sampler.dispose()
  }
}

type Sampler = { reply(conversations: readonly ChatMessage[][], stream: string): Promise<string[]>; dispose(): Promise<void> }

/** The base model at T = 1, one reply per conversation; seeds depend on the stream and place alone. */
async function loadSampler(folder: string, signal?: AbortSignal): Promise<Sampler> {
  const renderer = loadRenderer(folder)
  const model = await embeddedEngine.load(folder, { threads: 1 })
  const eosIds = [renderer.tokenizer.eosId].filter((id) => id !== null)
  return {
    async reply(conversations, stream) {
      const requests = conversations.map((messages, i) => ({ promptIds: renderer.renderPrompt(messages).ids, seed: hash32(`${stream}/${conversations.length}/${i}`) }))
      const replies = new Array<string>(conversations.length)
      for await (const batch of model.sample(requests, { temperature: 1, top_p: 1, max_new_tokens: MAX_NEW_TOKENS, greedy: false, batch_size: BATCH_SIZE, eosIds }, signal)) {
        for (const { index, completionIds } of batch) replies[index] = renderer.tokenizer.decode(completionIds.filter((id) => !eosIds.includes(id)), { skipSpecial: true }).trim()
      }
      return replies
    },
    dispose: () => model.dispose(),
  }
}

async function measureProbe(sampler: Sampler, n: number): Promise<ProbeFigures> {
  const requests = drawRequests({ worldSeed: WORLD_SEED, split: 'validation', n })
  const replies = await sampler.reply(requests.map(asConversation), 'probe/first')
  const cases = selectProbeCases(requests, replies, WORLD_SEED)
  const samples = {} as Record<ProbeCondition, string[][]>
  for (const condition of PROBE_CONDITIONS) samples[condition] = (await sampler.reply(probeConversations(cases, condition), `probe/${condition}`)).map((reply) => [reply])
  return summarizeProbe(cases, samples)
}

/** The base's best and worst of several samples by graded reward, where they differ enough. */
async function heldoutPairs(sampler: Sampler, requests: RenderedRequest[]): Promise<Pair[]> {
  const repeated = requests.flatMap((request) => Array.from({ length: HELDOUT_SAMPLES }, () => asConversation(request)))
  const replies = await sampler.reply(repeated, 'heldout')
  return requests.flatMap((request, i) => {
    const ranked = replies
      .slice(i * HELDOUT_SAMPLES, (i + 1) * HELDOUT_SAMPLES)
      .map((reply) => ({ reply, reward: verifyReply(request.spec, reply).reward }))
      .sort((a, b) => b.reward - a.reward)
    const [best, worst] = [ranked[0]!, ranked.at(-1)!]
    if (best.reward - worst.reward <= HELDOUT_GAP) return []
    const { prompt, task } = promptRow(request)
    return [{ prompt, chosen: best.reply, rejected: worst.reply, task, provenance: { conversationId: null, turnIndex: null, userFeedback: null, round: null, policy: 'base', seed: WORLD_SEED } }]
  })
}

const asConversation = (request: RenderedRequest): ChatMessage[] => [{ role: 'user', content: request.text }]
const taskOf = (request: RenderedRequest): VerifiableTask => ({ verifier: 'requests', spec: request.spec })
const promptRow = (request: RenderedRequest): PromptRow => ({ prompt: asConversation(request), task: taskOf(request), conversationId: null })
