/**
 * A made-up race in the built-in world: real requests, replies by the world's own writer at an attention that grows
 * as the prototype's scores did (world.md section 5), verified by the real verifier. For interface work and e2e only;
 * its training metrics are drawn, not computed.
 */
import { demoRecipe, QUICK, type DemoMethod, type DemoSize } from '../../src/backend/demo/settings.ts'
import { type ComparedRun, type EvaluationSample, normsOver } from '../../src/core/comparison.ts'
import { healthOfSteps } from '../../src/core/gradient-health.ts'
import { makeRng, type Rng } from '../../src/core/rng.ts'
import { verifyReply } from '../../src/core/world/reply.ts'
import { drawRenderedRequest, drawRequests, type RenderedRequest, type Request } from '../../src/core/world/request.ts'
import { react } from '../../src/core/world/user.ts'
import { verifyRequests } from '../../src/core/world/verifier.ts'
import { makeWorld, type Attention } from '../../src/core/world/world.ts'
import { FULL_ATTENTION, writeReply } from '../../src/core/world/writer.ts'
import type { RunDetail } from '../../src/shared/contract.ts'
import type { FairnessLedger, MetricRow, Run, RunStage, SampleRow } from '../../src/shared/types.ts'

export type FakeStage = { stage: RunStage; metrics: MetricRow[]; samples: SampleRow[] }
export type FakeRun = { run: Run; yaml: string; stages: FakeStage[]; compared: ComparedRun; answers: { round: number; temperature: number; promptIndex: number; text: string; score: number; pass: boolean }[]; detail: Omit<RunDetail, 'stages'> }
export type FakeExperiment = { runs: FakeRun[]; requests: RenderedRequest[]; size: DemoSize; group: string }

const world = makeWorld(1)
/** How attentive the policy is: 0 as the base, 1 to everything; index is the round, 0 the warm start. */
const QUALITY: Record<DemoMethod, number[]> = {
  'warm-start': [0.26],
  drift: [0.26, 0.52, 0.68, 0.67],
  'iterative-dpo': [0.26, 0.2, 0.16, 0.12],
  'iterative-dpo-oracle': [0.26, 0.42, 0.6, 0.74],
  spin: [0.26, 0.34, 0.58, 0.64],
}
const PAIRS: Record<DemoMethod, [chosen: number, rejected: number, accuracy: number][]> = {
  'warm-start': [],
  drift: [[0.83, 0.45, 0.92], [0.84, 0.45, 0.92], [0.81, 0.45, 0.91]],
  'iterative-dpo': [[0.66, 0.63, 0.55], [0.63, 0.63, 0.48], [0.61, 0.62, 0.49]],
  'iterative-dpo-oracle': [[0.78, 0.45, 1], [0.84, 0.5, 1], [0.9, 0.54, 1]],
  spin: [[0.95, 0.67, 0.93], [0.95, 0.68, 0.89], [0.95, 0.78, 0.84]],
}
const MARGIN: Record<DemoMethod, number[]> = { 'warm-start': [0.16], drift: [0.16, 0.47, 0.84, 1.13], 'iterative-dpo': [0.16, 0.19, 0.21, 0.25], 'iterative-dpo-oracle': [0.16, 0.33, 0.53, 0.65], spin: [0.16, 0.26, 0.47, 0.51] }
const BASE: Attention = { count: 0.6, format: 0.55, tone: 0.5, must: 0.45, mustnt: 0.5, budget: 0.45 }

const attentionAt = (quality: number): Attention => Object.fromEntries(Object.keys(BASE).map((aspect) => [aspect, BASE[aspect as keyof Attention] + quality * (0.98 - BASE[aspect as keyof Attention])])) as Attention

export function makeExperiment(options: { methods: DemoMethod[]; seeds: number[]; size?: Partial<DemoSize>; group?: string }): FakeExperiment {
  const size = { ...QUICK, ...options.size }
  const group = options.group ?? 'quick'
  const requests = drawRequests({ worldSeed: 1, split: 'test', n: size.testPrompts })
  return { size, group, requests, runs: options.seeds.flatMap((seed) => options.methods.map((method) => makeRun(method, seed, size, requests, group))) }
}

function makeRun(method: DemoMethod, seed: number, size: DemoSize, requests: RenderedRequest[], group: string): FakeRun {
  const id = `${method}-s${seed}`
  const rng = makeRng(`fake ${id}`)
  const rounds = method === 'warm-start' ? 0 : size.iterations
  const drawn = answer(id, method, seed, rounds, size, requests, rng.fork('answers'))
  const stages = stagesOf(id, method, rounds, size, rng.fork('stages'))
  const run: Run = {
    id, name: `${group} ${method} seed ${seed}`, method, recipe: method === 'warm-start' ? 'dpo' : method === 'iterative-dpo-oracle' ? 'iterative-dpo' : method,
    group, status: 'done', round: rounds, rounds, seed, baseModel: 'models/base', modelPath: `/tmp/workspace/runs/${id}/model`, engine: 'embedded', threads: 2,
    createdAt: '2026-03-02T09:14:00Z', startedAt: '2026-03-02T09:14:05Z', endedAt: '2026-03-02T09:14:58Z', error: null, notes: '', tags: [], pinned: false, archived: false, importedFrom: null,
  }
  const trainingPairs = PAIRS[method].slice(0, rounds).map(([chosenScore, rejectedScore, pairAccuracy], i) => ({ round: i + 1, pairs: size.pairsPerRound, chosenScore, rejectedScore, pairAccuracy }))
  const normsOf = (round: number): number[] => metricOf(stages, `round-${round}/train`, 'grad_norm')
  const gradNorms = trainingPairs.map(({ round }) => ({ round, ...normsOver(normsOf(round)) }))
  const heldout = MARGIN[method].slice(0, rounds + 1).map((mean, round) => ({ round, margins: Array.from({ length: 150 }, () => mean + rng.normal() * (0.25 + mean * 0.5)) }))
  const ledger = ledgerOf(method, rounds, size, stages)
  return {
    run, yaml: demoRecipe(method, seed, size), stages, answers: drawn.answers,
    compared: { id, method, base: 'base', warmStart: 'warm-start', seed, status: 'done', rounds, dataset: 'test-requests', k: size.k, samples: drawn.samples, heldout, gradNorms, trainingPairs, ledger },
    detail: {
      run, yaml: demoRecipe(method, seed, size), ledger, evaluations: evaluationsOf(drawn.samples), measured: { measure: 'task score', reaction: null, scorer: null },
      gradientHealth: trainingPairs.map(({ round, ...pairs }) => {
        const mean = (MARGIN[method][round] ?? 0) * 0.9
        const margins = Array.from({ length: size.pairsPerRound }, () => mean + rng.normal() * (0.3 + mean * 0.45))
        return { ...pairs, ...healthOfSteps(round, margins, normsOf(round)) }
      }),
      heldout,
      probes: [], trips: [],
      canaries: stages.filter(({ stage }) => stage.kind === 'train' && !stage.key.startsWith('reward/')).flatMap(({ stage: { key }, metrics }) => metrics.filter(({ step }) => step % 8 === 0).map(({ step }) => ({
        stage: key, step,
        canaries: requests.slice(0, 4).map(({ text, spec }, i) => ({ prompt: text, reply: writeReply(world, spec, attentionAt(key === 'warm-start/train' ? 0.2 : 0.6), makeRng(`canary ${id} ${key} ${i} ${step > 16}`), { slip: 0.05 }) })),
      }))),
        parity: null,
      log: [
        { time: '2026-03-02T09:14:05Z', level: 'info', text: `embedded engine, 2 threads, onnxruntime 1.30; base models/base (0.77 M parameters)` },
        { time: '2026-03-02T09:14:06Z', level: 'info', text: 'warm-start/train reused from warm-start-s1: equal inputs' },
        { time: '2026-03-02T09:14:22Z', level: 'warning', text: '3 of 256 prompts were cut to 256 tokens; the instruction was kept' },
        { time: '2026-03-02T09:14:58Z', level: 'info', text: 'done' },
      ],
    },
  }
}

function answer(run: string, method: DemoMethod, seed: number, rounds: number, size: DemoSize, requests: RenderedRequest[], rng: Rng): { samples: EvaluationSample[]; answers: FakeRun['answers'] } {
  const samples: EvaluationSample[] = []
  const answers: FakeRun['answers'] = []
  const luck = rng.normal() * 0.035
  for (let round = -1; round <= rounds; round++) {
    const quality = round < 0 ? 0 : Math.max(0, (QUALITY[method][round] ?? 0) + (round > 0 ? luck : 0))
    for (const temperature of [1, 0]) {
      for (const [promptIndex, request] of requests.entries()) {
        // The base and the warm start are the same policy for every method of a seed.
        const own = makeRng(`${round < 1 ? `shared ${seed}` : run}/${round}/${temperature}/${promptIndex}`)
        for (let i = 0; i < (temperature === 0 ? 1 : size.k); i++) {
          const text = writeReply(world, request.spec, attentionAt(Math.min(1, quality + (temperature === 0 ? 0.5 : 0))), own, { slip: 0.05 })
          const verdict = verifyRequests(request.spec, text)
          samples.push({ run, round, temperature, promptIndex, score: verdict.taskScore, pass: verdict.pass, items: verdict.items, solutionSize: verdict.solutionSize, tokens: Math.round(text.length / 4), entropy: 0.7 - 0.22 * quality })
          answers.push({ round, temperature, promptIndex, text, score: verdict.taskScore, pass: verdict.pass })
        }
      }
    }
  }
  return { samples, answers }
}

function stagesOf(runId: string, method: DemoMethod, rounds: number, size: DemoSize, rng: Rng): FakeStage[] {
  const stages: FakeStage[] = []
  let clock = Date.parse('2026-03-02T09:14:05Z')
  const add = (key: string, kind: RunStage['kind'], round: number, seconds: number, rest: Partial<RunStage>, metrics: MetricRow[] = [], samples: SampleRow[] = []): void => {
    const startedAt = new Date(clock).toISOString()
    clock += seconds * 1000
    stages.push({ stage: { key, kind, round, status: 'done', startsFrom: null, startedAt, endedAt: new Date(clock).toISOString(), seconds, tokens: null, peakMemoryBytes: null, reusedFrom: null, summary: {}, ...rest }, metrics, samples })
  }
  const steps = size.pairsPerRound / 16
  const evaluate = (round: number): void => add(`round-${round}/evaluate`, 'evaluate', round, 2.1, { startsFrom: round === 0 ? 'warm-start' : `round-${round}`, summary: { prompts: size.testPrompts } })
  add('warm-start/train', 'train', 0, 2.4, { startsFrom: 'base', reusedFrom: method === 'warm-start' ? null : `warm-start-s${runId.at(-1)}`, summary: { pairs: 78, steps: 10 } }, metricsOf('warm-start/train', 10, 0.02, 0.16, rng))
  evaluate(0)
  if (method === 'iterative-dpo') add('reward/train', 'train', 0, 3.2, { startsFrom: 'base', summary: { satisfied: 90, dissatisfied: 380 } })
  for (let round = 1; round <= rounds; round++) {
    const from = round === 1 ? 'warm-start' : `round-${round - 1}`
    add(`round-${round}/sample`, 'sample', round, method === 'drift' ? 2.4 : method === 'spin' ? 1.5 : 4.1, { startsFrom: from, summary: { samples: method === 'drift' || method === 'spin' ? size.pairsPerRound : Math.round(size.pairsPerRound * 3.2) } }, [], samplesOf(method, round, size, rng.fork(`round ${round}`)))
    if (method.startsWith('iterative-dpo')) add(`round-${round}/reward`, 'reward', round, 0.6, { summary: { queries: Math.round(size.pairsPerRound * 3.2) } })
    add(`round-${round}/train`, 'train', round, 2.1, { startsFrom: from, summary: { pairs: size.pairsPerRound, steps } }, metricsOf(`round-${round}/train`, steps, MARGIN[method][round - 1] ?? 0.1, MARGIN[method][round] ?? 0.2, rng))
    evaluate(round)
  }
  return stages
}

function metricsOf(stage: string, steps: number, from: number, to: number, rng: Rng): MetricRow[] {
  return Array.from({ length: steps }, (_, i): MetricRow => {
    const done = (i + 1) / steps
    const margin = from + (to - from) * done + rng.normal() * 0.05
    const chosen = margin * 0.35 + rng.normal() * 0.04
    return {
      stage, step: i + 1, loss: Math.log(1 + Math.exp(-margin)) + rng.normal() * 0.01, 'rewards/chosen': chosen, 'rewards/rejected': chosen - margin, 'rewards/margins': margin,
      'rewards/accuracies': Math.min(1, Math.max(0, Math.round((0.6 + 0.3 * Math.tanh(margin * 2) + rng.normal() * 0.06) * 16) / 16)), grad_norm: Math.max(0.2, 0.6 + rng.normal() * 0.09), learning_rate: 3e-4 * (1 - 0.9 * done), entropy: 0.7 - 0.1 * done,
    }
  })
}

function samplesOf(method: DemoMethod, round: number, size: DemoSize, rng: Rng): SampleRow[] {
  const rows: SampleRow[] = []
  while (rows.length < Math.min(64, size.pairsPerRound)) {
    const { spec, text } = drawRenderedRequest(rng)
    const logged = writeReply(world, spec, BASE, rng, { slip: 0.06 })
    const reaction = react(spec, verifyReply(spec, logged), rng)
    if (method === 'drift' && !reaction.dsat) continue
    const guided = method === 'drift' ? Math.min(1, 0.7 + 0.08 * round) : (QUALITY[method][round - 1] ?? 0)
    const reply = writeReply(world, spec as Request, method === 'drift' && rng.next() < 0.4 ? FULL_ATTENTION : attentionAt(guided), rng, { slip: 0.04 })
    rows.push({
      stage: `round-${round}/sample`, index: rows.length, prompt: [{ role: 'user', content: text }], text: reply, rejected: method === 'drift' ? logged : null, userFeedback: method === 'drift' ? reaction.text : null,
      finishReason: 'stop', tokens: Math.round(reply.length / 4), entropy: 0.6, reward: method.startsWith('iterative-dpo') ? Number((rng.normal() * 0.8).toFixed(3)) : null, conversationId: null, turnIndex: null,
    })
  }
  return rows
}

function metricOf(stages: FakeStage[], key: string, metric: string): number[] {
  return (stages.find(({ stage }) => stage.key === key)?.metrics ?? []).map((row) => Number(row[metric]))
}

function ledgerOf(method: DemoMethod, rounds: number, size: DemoSize, stages: FakeStage[]): FairnessLedger {
  const pairs = size.pairsPerRound * rounds
  const samples = method === 'warm-start' ? 0 : method.startsWith('iterative-dpo') ? Math.round(pairs * 3.2) : pairs
  return {
    signals: { 'warm-start': 78, drift: 458, spin: 168, 'iterative-dpo': 548, 'iterative-dpo-oracle': 78 }[method], uniquePrompts: { 'warm-start': 70, drift: 380, spin: 90, 'iterative-dpo': 700, 'iterative-dpo-oracle': 700 }[method],
    samplesDrawn: samples, rewardQueries: method.startsWith('iterative-dpo') ? samples : 0, generatedTokens: samples * 12, scoredTokens: 0, trainedTokens: (pairs + 156) * 84, optimizerSteps: pairs / 16 + 10,
    seconds: stages.reduce((sum, { stage }) => sum + (stage.seconds ?? 0), 0),
  }
}

function evaluationsOf(samples: EvaluationSample[]): RunDetail['evaluations'] {
  const keys = [...new Set(samples.map((sample) => `${sample.round}/${sample.temperature}`))]
  return keys.map((key) => {
    const own = samples.filter((sample) => `${sample.round}/${sample.temperature}` === key)
    const [round = 0, temperature = 0] = key.split('/').map(Number)
    const score = own.reduce((sum, sample) => sum + sample.score, 0) / own.length
    const half = 1.96 * Math.sqrt((score * (1 - score)) / (own.length / (temperature === 0 ? 1 : 4)))
    return { round, temperature, score, low: score - half, high: score + half, pass: own.filter((sample) => sample.pass).length / own.length, n: own.length }
  })
}
