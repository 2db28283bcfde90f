/** The lab's `train` and `trainReward`: optimizer steps journaled as they end, checkpoints, the model at the end. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { hash32, makeRng } from '../../core/rng.ts'
import { SYSTEM } from '../../core/run-time.ts'
import type { LoraSettings, Model, TrainConfig, TrainHooks } from '../../engine/engine.ts'
import { totalSteps } from '../../engine/train.ts'
import type { Policy } from '../../recipes/lab.ts'
import { UsageError } from '../../shared/errors.ts'
import { adapterOf, decidingTraining, type Recipe, type TrainingConfig, wholeTraining } from '../../shared/recipe.ts'
import type { FeedbackRow, MetricRow, Pair, RunStage } from '../../shared/types.ts'
import { deleteMetricsAfter, insertMetric, lastMetric } from '../storage/run-stages.ts'
import { setProgress } from '../storage/runs.ts'
import { type CanaryPrompt, canaryWatch } from './canaries.ts'
import { readLatestCheckpoint, writeCheckpoint } from './checkpoints.ts'
import { eventTurn, type LabContext, log, roundOf } from './context.ts'
import { runStage } from './journal.ts'
import { hashModel, isAdapterIntact, isModelIntact, linkModel } from './models.ts'
import { scorePairs } from './scores.ts'
import { replyIds, tokenizePairs } from './text.ts'
import { watchStage } from './wires.ts'

/** What a stage has made; folders are relative to the workspace. The model is the start with the adapter merged, where there is one. */
type TrainedModel = { name: string; folder: string; hash: string; adapter?: { folder: string; hash: string } }
type Prepared = { examples: number; config: TrainConfig; /** Trained instead of the model's own weights. */ adapter?: LoraSettings; summary: RunStage['summary']; train(model: Model, hooks: TrainHooks): Promise<void> }

/** Of a stage's DPO: the order of its pairs goes by it. */
export const dpoSeed = (seed: number, key: string): number => hash32(`${seed}/${key}`)

const CHECKPOINT_STEPS = 16
const CHECKPOINT_MS = 2_500
/** A checkpoint's own time is to stay below this share of the work. */
const CHECKPOINT_SHARE = 0.05

export async function trainStage(context: LabContext, key: string, start: Policy, reference: Policy, pairs: readonly Pair[], training: TrainingConfig, canaries: readonly CanaryPrompt[]): Promise<Policy> {
  const { recipe: { seed } } = context
  const trained = await trainModel(context, key, start, {
    inputs: { objective: 'dpo', start: start.hash, reference: reference.hash, pairs: pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected]), training: decidingTraining(training), seed, stage: key, ...(canaries.length > 0 && { canaries: [canaries, context.recipe.canary_steps] }) },
    canaries,
    async prepare() {
      const { tokens, dropped, cut } = tokenizePairs(context.text, pairs, training.max_length)
      if (tokens.length === 0) throw new UsageError(`${key}: expected pairs to train on, got ${pairs.length === 0 ? 'none: no reply of this round differed, or the dataset holds none' : `${pairs.length} whose prompts alone fill training.max_length ${training.max_length}; raise it`}`)
      if (dropped > 0) log(context, 'warning', `${key}: ${dropped} of ${pairs.length} pairs are left out, because their prompt alone fills max_length ${training.max_length}`)
      if (cut > 0) log(context, 'warning', `${key}: ${cut} of ${pairs.length} pairs were cut at max_length ${training.max_length}`)
      const logps = await scorePairs(context, reference, tokens, () => {})
      const { max_length: _, ...config } = wholeTraining(training)
      const dpo = { ...config, seed: dpoSeed(seed, key) }
      const adapter = training.use_peft ? { ...adapterOf(training), seed: hash32(`${seed}/${key}/adapter`) } : undefined
      return { examples: tokens.length, config: dpo, ...(adapter && { adapter }), summary: { pairs: tokens.length }, train: (model, hooks) => model.trainDpo(tokens, logps, dpo, hooks) }
    },
  })
  return { name: trained.name, hash: trained.hash, folder: join(context.workspace.path, trained.folder) }
}

/** How a reward model is trained; `forEvaluation` keeps its work out of the run's ledger. */
export type RewardTraining = { seed: number; own: Recipe['reward_training']; training: ReturnType<typeof wholeTraining>; forEvaluation?: true }

export const rewardTrainingOf = ({ seed, reward_training: own, training }: Recipe): RewardTraining => ({ seed, own, training: wholeTraining(training) })

/** Scalar head on `start`, all weights trained: satisfied replies against as many dissatisfied ones. */
export async function trainRewardStage(context: LabContext, key: string, start: Policy, satisfied: readonly FeedbackRow[], dissatisfied: readonly FeedbackRow[], { seed, own, training, forEvaluation }: RewardTraining): Promise<{ folder: string; hash: string }> {
  const perClass = Math.min(satisfied.length, dissatisfied.length)
  const draw = (rows: readonly FeedbackRow[], name: string): FeedbackRow[] => makeRng(`${seed}/${key}/${name}`).shuffled(rows).slice(0, perClass)
  const examples = [...draw(satisfied, 'satisfied').map((row) => ({ row, label: 1 as const })), ...draw(dissatisfied, 'dissatisfied').map((row) => ({ row, label: 0 as const }))]
  if (!forEvaluation) context.usage.addLabels(examples.map(({ row }) => row))
  const trained = await trainModel(context, key, start, {
    inputs: { objective: 'reward', start: start.hash, rows: examples.map(({ row, label }) => [row.prompt, row.reply, label]), own, training, seed, stage: key },
    ...(forEvaluation && { forEvaluation }),
    async prepare() {
      if (perClass === 0) throw new UsageError(`${key}: expected satisfied and dissatisfied replies to tell apart, got ${satisfied.length} and ${dissatisfied.length}. Label some of both, or set reward: verifiable where rows carry a task`)
      const rows = examples.map(({ row, label }) => ({ ids: replyIds(context.text, row.prompt, row.reply, training.max_length), label }))
      const config: TrainConfig = { ...training, ...own, gradient_accumulation_steps: 1, max_steps: -1, seed: hash32(`${seed}/${key}`) }
      return { examples: rows.length, config, summary: { satisfied: perClass, dissatisfied: perClass }, train: (model, hooks) => model.trainReward(rows, config, hooks) }
    },
  })
  return { folder: join(context.workspace.path, trained.folder), hash: trained.hash }
}

function trainModel(context: LabContext, key: string, start: Policy, objective: { inputs: unknown; canaries?: readonly CanaryPrompt[]; forEvaluation?: true; prepare(): Promise<Prepared> }): Promise<TrainedModel> {
  const { workspace, lease: { runId } } = context
  const { db } = workspace
  const name = key.replace(/\/train$/, '')
  const place = `runs/${runId}/models/${name}`
  const folder = join(workspace.path, place)
  const adapterPlace = `runs/${runId}/adapters/${name}`
  const checkpoints = join(workspace.runs, runId, 'checkpoints', key.replaceAll('/', '-'))
  const removeCheckpoints = (): void => rmSync(checkpoints, { recursive: true, force: true })
  return runStage<TrainedModel>(context, {
    key,
    kind: 'train',
    round: roundOf(key),
    startsFrom: start.name,
    inputs: objective.inputs,
    isIntact: (result) => isIntact(workspace, result),
    adopt(result) {
      if (!isIntact(workspace, result)) return null
      const { adapter, hash } = result
      if (adapter) linkModel(join(workspace.path, adapter.folder), join(workspace.path, adapterPlace))
      linkModel(join(workspace.path, result.folder), folder)
      return { name, folder: place, hash, ...(adapter && { adapter: { folder: adapterPlace, hash: adapter.hash } }) }
    },
    finish() {
      if (!name.startsWith('reward')) setProgress(db, runId, { modelPath: place })
    },
    discard: removeCheckpoints,
    async work(stage) {
      const prepared = await objective.prepare()
      const steps = totalSteps(Math.ceil(prepared.examples / prepared.config.per_device_train_batch_size), prepared.config)
      const resumeFrom = readLatestCheckpoint(checkpoints, stage.inputHash)
      stage.commit(() => deleteMetricsAfter(db, runId, key, resumeFrom?.step ?? 0))
      const figure = (metric: string): number | null => {
        const value = lastMetric(db, runId, key)?.[metric]
        return typeof value === 'number' ? value : null
      }
      stage.tell(resumeFrom?.step ?? 0, steps, figure('num_tokens') ?? 0)
      const model = prepared.adapter ? await context.models.takeWithAdapter(start.folder, prepared.adapter) : await context.models.take(start.folder)
      const watch = watchStage(context, key)
      const answer = canaryWatch(context, key, objective.canaries ?? [], steps)
      let saved = performance.now()
      let writingMs = 0
      // The time of a step is its own: canaries, checkpoints and what is written down stand apart.
      let stepBegan = performance.now()
      let tokensBefore = figure('num_tokens') ?? 0
      await prepared.train(model, {
        signal: context.signal,
        ...(resumeFrom === null ? {} : { resumeFrom }),
        onStart: () => void (stepBegan = performance.now()),
        // Asked after each step; when a checkpoint is written has no influence on numbers.
        get checkpointEvery() {
          const sinceMs = performance.now() - saved
          if (sinceMs * CHECKPOINT_SHARE < writingMs) return undefined
          return sinceMs > CHECKPOINT_MS ? 1 : CHECKPOINT_STEPS
        },
        async onStep(metrics, details) {
          const stepMs = performance.now() - stepBegan
          const { seconds, memoryBytes } = stage.use()
          const row: MetricRow = { stage: key, ...metrics, [SYSTEM.seconds]: seconds, ...(stepMs > 0 && { [SYSTEM.tokensPerSecond]: (1000 * (metrics.num_tokens - tokensBefore)) / stepMs }), ...(memoryBytes !== null && { [SYSTEM.memoryBytes]: memoryBytes }) }
          tokensBefore = metrics.num_tokens
          const canaries = await answer(model, metrics.step)
          stage.commit(() => insertMetric(db, runId, row, { ...details, ...(canaries && { canaries }) }))
          context.tell({ type: 'metrics', rows: [row] })
          if (canaries) context.tell({ type: 'canaries', rows: [{ stage: key, step: metrics.step, canaries }] })
          stage.tell(metrics.step, steps, metrics.num_tokens)
          watch(metrics.step, row)
          // The training loop itself looks at the signal before the next step, and stops with a checkpoint.
          await eventTurn()
          stepBegan = performance.now()
        },
        onCheckpoint(state) {
          const began = performance.now()
          writeCheckpoint(checkpoints, state, stage.inputHash, context.recipe.save_total_limit)
          saved = performance.now()
          writingMs = saved - began
          stepBegan = saved
        },
      })
      const adapter = prepared.adapter && { folder: adapterPlace, hash: await saveMerged(context, model, folder, join(workspace.path, adapterPlace)) }
      if (!adapter) {
        await model.save(folder)
        await context.models.put(folder, model)
      }
      const shown = ['loss', 'rewards/margins', 'rewards/accuracies', 'accuracy'].flatMap((metric) => (figure(metric) === null ? [] : [[metric, figure(metric)] as const]))
      return {
        result: { name, folder: place, hash: hashModel(db, folder), ...(adapter && { adapter }) },
        counts: objective.forEvaluation ? {} : { trainedTokens: figure('num_tokens') ?? 0, optimizerSteps: steps },
        summary: { ...prepared.summary, steps, ...Object.fromEntries(shown) },
      }
    },
  }).then((result) => {
    removeCheckpoints()
    return result
  })
}

function isIntact({ path, db }: LabContext['workspace'], { folder, hash, adapter }: TrainedModel): boolean {
  return isModelIntact(db, join(path, folder), hash) && (adapter === undefined || isAdapterIntact(db, join(path, adapter.folder), adapter.hash))
}

/**
 * Both forms of what was trained: the adapter, and the merged model that everything later loads. The live model is not
 * used again: base plus adapter rounds differently from the merged weights, and a continued run would load those.
 * @returns the adapter's hash.
 */
async function saveMerged({ workspace: { db } }: LabContext, model: Model, folder: string, adapter: string): Promise<string> {
  await model.save(adapter)
  await model.save(folder, { merged: true })
  await model.dispose()
  return hashModel(db, adapter)
}
