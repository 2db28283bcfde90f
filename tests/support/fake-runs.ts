/**
 * The runs, comparisons, jobs and demo calls of the contract, answered from a made-up experiment. `play` lets it
 * happen before the interface's eyes; what has not happened yet is not answered either.
 */
import { demoRecipe, type DemoMethod, type DemoSize } from '../../src/backend/demo/settings.ts'
import { parseRecipe, requireRecipe } from '../../src/backend/recipe-file.ts'
import { exportRecipe } from '../../src/backend/recipe-export.ts'
import { importRecipe } from '../../src/backend/recipe-import.ts'
import { compareRuns, type ComparedRun } from '../../src/core/comparison.ts'
import { fileName, runScript } from '../../src/core/run-script.ts'
import { gradientsOf } from '../../src/core/gradient-health.ts'
import { arrangeBoard, boardColumns, boardRows } from '../../src/core/board.ts'
import { explore, type ExploredSample } from '../../src/core/explore.ts'
import type { AnswerCell, BoardColumn, Exploration, PromptAnswers, PromptBoard } from '../../src/shared/comparison.ts'
import type { CallName, Handlers, ParsedInput, Push, RunDetail } from '../../src/shared/contract.ts'
import { recipeSchema } from '../../src/shared/recipe.ts'
import type { RunColumns, RunMark } from '../../src/shared/run-table.ts'
import type { Job, MetricRow, Run, RunStage, SampleRow } from '../../src/shared/types.ts'
import { parse } from 'yaml'
import { makeExperiment, type FakeExperiment, type FakeRun } from './fake-experiment.ts'
import { fakeInspection } from './fake-inspection.ts'

export type RunCall = Extract<CallName, `runs.${string}` | `comparisons.${string}` | `demo.${string}` | `jobs.${string}`>
export type FakeRuns = {
  handlers: Pick<Handlers, RunCall>
  demo: () => { jobId: string; group: string; status: Job['status'] } | null
  count: () => number
  /** Runs the experiment at `speed` times its own pace; resolves at its end. */
  play(speed: number): Promise<void>
  stop(): void
}
export type FakeRunsOptions = { state: 'empty' | 'done' | 'waiting'; methods?: DemoMethod[]; seeds?: number[]; size?: Partial<DemoSize>; failed?: boolean }

type Live = { run: Run; stages: RunStage[]; metrics: MetricRow[]; samples: SampleRow[]; rounds: number[] }

export function fakeRuns(push: (push: Push) => void, options: FakeRunsOptions): FakeRuns {
  const experiment: FakeExperiment = makeExperiment({ methods: options.methods ?? ['warm-start', 'drift', 'iterative-dpo', 'spin'], seeds: options.seeds ?? [1], ...(options.size ? { size: options.size } : {}) })
  const live = new Map<string, Live>()
  const job: Job = { id: 'job-1', kind: 'demo', title: 'built-in experiment', status: 'queued', stage: '', done: 0, total: 1, perSecond: null, etaSeconds: null, runId: null, error: null }
  let stopped = false

  const finish = (fake: FakeRun): Live => ({ run: fake.run, stages: fake.stages.map(({ stage }) => stage), metrics: fake.stages.flatMap(({ metrics }) => metrics), samples: fake.stages.flatMap(({ samples }) => samples), rounds: [-1, ...Array.from({ length: fake.run.rounds + 1 }, (_, i) => i)] })
  if (options.state === 'done') for (const fake of experiment.runs) live.set(fake.run.id, finish(fake))
  if (options.failed) {
    const one = [...live.values()].at(-1)!
    one.run = { ...one.run, id: 'spin-s9', name: 'spin, learning rate 3e-2', group: null, status: 'failed', round: 1, error: 'round-1/train: loss is NaN at step 7 (expected a finite number). Lower training.learning_rate (0.03) or training.max_grad_norm (2); the last good checkpoint is step 4.' }
    live.set('spin-s9', one)
    live.set('spin-s1', finish(experiment.runs.find(({ run }) => run.id === 'spin-s1')!))
  }

  const fakeOf = (id: string): FakeRun => experiment.runs.find(({ run }) => run.id === id) ?? experiment.runs.at(-1)!
  const liveOf = (id: string): Live => {
    const one = live.get(id)
    if (!one) throw new Error(`runs: expected one of ${[...live.keys()].join(', ')}, got "${id}"`)
    return one
  }
  const chosen = (input: { runs?: string[] | undefined; group?: string | undefined }): Live[] => [...live.values()].filter(({ run }) => (input.runs ? input.runs.includes(run.id) : run.group === (input.group ?? experiment.group)))
  const seen = ({ run, rounds, metrics }: Live): ComparedRun => {
    const whole = fakeOf(run.id).compared
    return { ...whole, id: run.id, status: run.status, samples: whole.samples.filter(({ round }) => rounds.includes(round)), heldout: whole.heldout.filter(({ round }) => rounds.includes(round)), trainingPairs: whole.trainingPairs.filter(({ round }) => rounds.includes(round)), gradNorms: whole.gradNorms.filter(({ round }) => metrics.some((row) => row.stage === `round-${round}/train`)) }
  }
  const setTag = (id: string, tag: string, on: boolean): boolean => {
    const one = liveOf(id)
    if (one.run.tags.includes(tag) === on) return false
    one.run = { ...one.run, tags: on ? [...one.run.tags, tag].sort() : one.run.tags.filter((other) => other !== tag) }
    return true
  }
  const setMark = (id: string, mark: RunMark, on: boolean): boolean => {
    const one = liveOf(id)
    if (one.run[mark] === on) return false
    one.run = { ...one.run, [mark]: on }
    return true
  }
  const setStatus = (id: string, status: Run['status']): Run => {
    const one = liveOf(id)
    one.run = { ...one.run, status }
    push({ type: 'run', run: one.run })
    return one.run
  }

  const detailOf = (id: string): RunDetail => {
    const { run, stages, rounds } = liveOf(id)
    const whole = fakeOf(id).detail
    return { ...whole, run, stages, evaluations: whole.evaluations.filter(({ round }) => rounds.includes(round)), gradientHealth: whole.gradientHealth.filter(({ round }) => rounds.includes(round)), heldout: whole.heldout.filter(({ round }) => rounds.includes(round)) }
  }

  const handlers: FakeRuns['handlers'] = {
    'runs.list': () => [...live.values()].map(({ run }) => run),
    'runs.get': ({ id }) => detailOf(id),
    'runs.metrics': ({ id, after }) => ({ rows: liveOf(id).metrics.slice(after) }),
    'runs.samples': ({ id, stage, newestFirst, offset, limit }) => {
      const rows = liveOf(id).samples.filter((row) => !stage || row.stage === stage)
      return { total: rows.length, rows: (newestFirst ? rows.toReversed() : rows).slice(offset, offset + limit) }
    },
    'runs.inspect': ({ id, stage, index }) => {
      const sample = liveOf(id).samples.find((row) => row.stage === stage && row.index === index)
      if (!sample) throw new Error(`runs.inspect: no sample ${index} in ${stage}`)
      const round = Number(/\d+/.exec(stage)?.[0])
      return fakeInspection(sample.prompt, sample.text, sample.rejected ?? '- dixit', { policy: `runs/${id}/models/round-${round}`, reference: `runs/${id}/models/${round > 1 ? `round-${round - 1}` : 'warm-start'}` })
    },
    'runs.validate': ({ yaml }) => validate(yaml),
    'runs.start': ({ yaml, name, group }) => {
      const run: Run = { ...experiment.runs.at(-1)!.run, id: `run-${live.size + 1}`, name: name ?? 'new run', group: group ?? null, status: 'queued', recipe: String((parse(yaml) as { recipe?: unknown }).recipe) }
      live.set(run.id, { run, stages: [], metrics: [], samples: [], rounds: [] })
      push({ type: 'run', run })
      return run
    },
    'runs.pause': ({ id }) => setStatus(id, 'paused'),
    'runs.resume': ({ id }) => setStatus(id, 'running'),
    'runs.cancel': ({ id }) => setStatus(id, 'cancelled'),
    'runs.script': ({ id, slurm, place = '/tmp/workspace', save }) => {
      const { name } = liveOf(id).run
      const { yaml } = fakeOf(id).detail
      return { script: runScript({ recipe: requireRecipe(parseRecipe(yaml)), yaml, workspace: place, name, slurm, machines: 1 }), path: save ? `/tmp/workspace/exports/${fileName(name)}.sh` : null }
    },
    'runs.note': ({ id, notes }) => {
      const one = liveOf(id)
      one.run = { ...one.run, notes }
      return one.run
    },
    'runs.columns': () => [...live.values()].map(({ run, metrics }) => {
      const latest = fakeOf(run.id).detail.evaluations.findLast(({ temperature }) => temperature === 1)
      return { id: run.id, score: latest ? { value: { estimate: latest.score, low: latest.low, high: latest.high }, n: latest.n } : null, last: lastMetricsOf(metrics), settings: { recipe: JSON.stringify(run.recipe), seed: String(run.seed) } }
    }),
    'runs.tag': ({ ids, tag, on }) => ({ changed: ids.filter((id) => setTag(id, tag, on)) }),
    'runs.mark': ({ ids, mark, on }) => ({ changed: ids.filter((id) => setMark(id, mark, on)) }),
    'runs.export': ({ id, path }) => ({ path: `/tmp/workspace/exports/${path}`, rows: liveOf(id).metrics.length }),
    'runs.import': () => {
      throw new Error('runs.import: expected a metric file, got nothing there')
    },
    'runs.recipes': () => (['drift', 'iterative-dpo', 'spin'] as const).map((method) => ({ file: `recipes/${method}.yaml`, yaml: demoRecipe(method, 1, experiment.size) })),
    'runs.importRecipe': ({ text }) => importRecipe(text),
    'runs.exportRecipe': ({ yaml, format, path }) => ({ ...exportRecipe(requireRecipe(parseRecipe(yaml)), format), path: path === undefined ? null : `/tmp/workspace/exports/${path}` }),
    'demo.start': () => {
      void play(4)
      return { jobId: job.id }
    },
    'demo.estimate': () => ({ quickMinutes: 1.4, fullMinutes: 24 }),
    'comparisons.get': (input) => {
      const runs = chosen(input)
      if (runs.length === 0) throw new Error(`comparisons.get: expected runs of this workspace, got ${JSON.stringify(input)}`)
      return compareRuns(runs.map(seen), { group: input.group ?? null, temperatures: [0, 1], prompts: experiment.size.testPrompts, heldoutPairs: 150, resamples: 400, probe: { conditioned: 0.79, unconditioned: 0.5, gain: 0.29 } })
    },
    'comparisons.explore': (input) => explored(chosen(input).map(seen)),
    // The fake experiment counts steps alone.
    'comparisons.curves': ({ metric, smoothing, axis = 'step', ...input }) => ({ metric, smoothing, axis, metrics: [metric], curves: chosen(input).map(({ run, metrics }) => ({ run: run.id, method: run.method, seed: run.seed, stages: axis !== 'step' ? [] : [...Map.groupBy(metrics, ({ stage }) => stage)].map(([stage, rows]) => ({ stage, start: 0, extent: rows.at(-1)!.step, points: rows.map((row): [number, number | null] => [row.step, Number(row[metric] ?? NaN)]), smoothed: [], measured: rows.length, broken: 0 })) })) }),
    'comparisons.lineage': () => {
      throw new Error('comparisons.lineage: the fake experiment keeps no pairs')
    },
    'comparisons.prompts': (input) => board(experiment, chosen(input), input),
    'comparisons.gradients': ({ methods }) => ({ methods: methods.map(({ key, runs }) => ({ key, ...gradientsOf(runs.map((id) => ({ health: detailOf(id).gradientHealth, heldout: detailOf(id).heldout }))) })) }),
    'comparisons.answers': (input) => answersTo(experiment, chosen(input), input),
    'comparisons.report': () => ({ path: '/tmp/workspace/exports/quick.html', url: '/exports/quick.html' }),
    'jobs.list': () => (job.status === 'queued' ? [] : [job]),
    'jobs.cancel': () => {
      stopped = true
      job.status = 'cancelled'
      push({ type: 'job', job: { ...job } })
      return { ...job }
    },
  }

  async function play(speed: number): Promise<void> {
    stopped = false
    job.status = 'running'
    const stagesInAll = experiment.runs.reduce((sum, fake) => sum + fake.stages.length, 0)
    let left = experiment.runs.reduce((sum, fake) => sum + fake.detail.ledger.seconds, 0)
    let finished = 0
    const wait = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, (seconds * 1000) / speed))
    const tell = (runId: string, stage: string, done: number, total: number): void => {
      Object.assign(job, { runId, stage, done, total, perSecond: speed * 100, etaSeconds: left / speed })
      push({ type: 'job', job: { ...job } })
    }
    for (const fake of experiment.runs) {
      const one: Live = { run: { ...fake.run, status: 'running', round: 0, endedAt: null }, stages: [], metrics: [], samples: [], rounds: [-1] }
      live.set(fake.run.id, one)
      push({ type: 'run', run: one.run })
      for (const { stage, metrics, samples } of fake.stages) {
        if (stopped) return
        const running: RunStage = { ...stage, status: 'running', endedAt: null, seconds: null }
        one.stages.push(running)
        one.run = { ...one.run, round: stage.round }
        push({ type: 'run', run: one.run })
        push({ type: 'run.stage', runId: one.run.id, stage: running })
        const parts = stage.reusedFrom ? 1 : 12
        for (let part = 0; part < parts; part++) {
          if (!stage.reusedFrom) await wait((stage.seconds ?? 1) / parts)
          left -= (stage.seconds ?? 1) / parts
          const slice = <T>(rows: T[]): T[] => rows.slice(Math.floor((part * rows.length) / parts), Math.floor(((part + 1) * rows.length) / parts))
          const [newMetrics, newSamples] = [slice(metrics), slice(samples)]
          one.metrics.push(...newMetrics)
          one.samples.push(...newSamples)
          if (newMetrics.length) push({ type: 'run.metrics', runId: one.run.id, rows: newMetrics })
          if (newSamples.length) push({ type: 'run.samples', runId: one.run.id, rows: newSamples })
          const total = stage.kind === 'train' ? metrics.length : experiment.size.pairsPerRound
          tell(one.run.id, `${fake.run.method}/seed ${fake.run.seed} · ${stage.key}`, Math.round((total * (part + 1)) / parts), total)
        }
        one.stages[one.stages.length - 1] = stage
        if (stage.kind === 'evaluate') one.rounds.push(stage.round)
        finished++
        push({ type: 'run.stage', runId: one.run.id, stage })
      }
      one.run = fake.run
      push({ type: 'run', run: one.run })
    }
    Object.assign(job, { status: 'done', stage: '', done: stagesInAll, total: finished, etaSeconds: 0 })
    push({ type: 'job', job: { ...job } })
    push({ type: 'workspace.changed', nouns: ['runs'] })
  }

  return { handlers, demo: () => (job.status === 'queued' ? null : { jobId: job.id, group: experiment.group, status: job.status }), count: () => live.size, play, stop: () => void (stopped = true) }
}

function validate(yaml: string): ReturnType<FakeRuns['handlers']['runs.validate']> extends infer Output ? Awaited<Output> : never {
  let value: unknown
  try {
    value = parse(yaml)
  } catch (error) {
    return { ok: false, issues: [{ path: '', message: error instanceof Error ? error.message : String(error) }], translated: [], warnings: [], evaluation: null, estimate: null }
  }
  const result = recipeSchema.safeParse(value)
  const issues = result.success ? [] : result.error.issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: `unknown key "${key}"; nearest is "${key === 'learnig_rate' ? 'learning_rate' : 'beta'}"` })) : [{ path: issue.path.join('.'), message: issue.message }]))
  const pairs = result.success ? (result.data.pairs_per_round ?? 458) * result.data.iterations : 0
  return { ok: issues.length === 0, issues, translated: yaml.includes('rpo_alpha') ? [{ from: 'rpo_alpha', to: 'training.loss_weights', note: 'removed in TRL 1.0; read as alpha x DPO + NLL' }] : [], warnings: [], evaluation: null, estimate: result.success ? { seconds: 6 + pairs * 0.021, memoryBytes: 212e6, memoryParts: { weights: 3e6, gradients: 3e6, optimizer: 3e6, activations: 33e6, longest: 120 }, diskBytes: 11e6, judge: null } : null }
}

type Viewed = { columns: BoardColumn[]; seeds: number[]; seed: number; answers(column: BoardColumn, index: number): AnswerCell['answers'] }
const TEMPERATURES = [1, 0]
function viewed(experiment: FakeExperiment, runs: Live[], { seed, temperature = 1 }: { seed?: number | undefined; temperature?: number | undefined }): Viewed {
  const seeds = [...new Set(runs.map(({ run }) => run.seed))]
  const chosen = seed ?? seeds[0] ?? 1
  const own = runs.filter(({ run }) => run.seed === chosen)
  return {
    seeds, seed: chosen, columns: boardColumns(own.map(({ run, rounds }) => ({ id: run.id, method: run.method, base: 'base', warmStart: 'warm-start', rounds }))),
    answers: ({ run, round }, index) => fakeOfRun(experiment, own.find((live) => live.run.id === run)!).answers.filter((answer) => answer.promptIndex === index && answer.round === round && answer.temperature === temperature).map(({ text, score, pass }) => ({ text, score, pass })),
  }
}
const meanOf = <T>(values: T[], of: (value: T) => number): number | null => (values.length === 0 ? null : values.reduce((sum, value) => sum + of(value), 0) / values.length)

/** Answers are their items: the fake experiment keeps no texts. */
function explored(runs: ComparedRun[]): Exploration {
  const samples = runs.flatMap((run) => run.samples.filter(({ temperature, round }) => temperature === 1 && round > 0).map(({ round, promptIndex, items, pass, score }): ExploredSample => {
    const text = items.join(', ')
    return { method: run.method, seed: run.seed, round, prompt: promptIndex, text, answer: text, pass, reward: score }
  }))
  return explore(samples, new Map(runs.filter((run) => samples.some(({ method }) => method === run.method)).map(({ method, rounds }) => [method, rounds])), { k: 4 })
}

function board(experiment: FakeExperiment, runs: Live[], input: ParsedInput<'comparisons.prompts'>): PromptBoard {
  const { columns, seeds, seed, answers } = viewed(experiment, runs, input)
  const rows = boardRows(columns, experiment.requests.map(({ text }, index) => {
    const own = columns.map((column) => answers(column, index))
    return { index, text, scores: own.map((of) => meanOf(of, ({ score }) => score)), passes: own.map((of) => meanOf(of, ({ pass }) => Number(pass))) }
  }))
  return { total: rows.length, turnedBad: rows.filter(({ turnedBad }) => turnedBad.length > 0).length, seeds, seed, temperature: input.temperature ?? 1, temperatures: TEMPERATURES, columns, rows: arrangeBoard(rows, input) }
}

function answersTo(experiment: FakeExperiment, runs: Live[], input: ParsedInput<'comparisons.answers'>): PromptAnswers {
  const { columns, seed, answers } = viewed(experiment, runs, input)
  const cells = columns.map((column): AnswerCell => {
    const own = answers(column, input.index)
    return { ...column, dataset: 'test-requests', place: input.index, temperature: input.temperature ?? 1, answers: own, n: own.length, passes: own.filter(({ pass }) => pass).length, score: meanOf(own, ({ score }) => score) ?? 0 }
  })
  return { index: input.index, seed, prompt: [{ role: 'user', content: experiment.requests[input.index]!.text }], cells }
}

const fakeOfRun = (experiment: FakeExperiment, { run }: Live): FakeRun => experiment.runs.find((fake) => fake.run.id === run.id) ?? experiment.runs.at(-1)!

function lastMetricsOf(metrics: readonly MetricRow[]): RunColumns['last'] {
  const row = metrics.at(-1)
  return Object.fromEntries(Object.entries(row ?? {}).filter((metric): metric is [string, number] => typeof metric[1] === 'number' && metric[0] !== 'step'))
}
