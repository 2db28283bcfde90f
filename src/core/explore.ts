/**
 * What the methods of a comparison found, beside how often they passed (design section 7, Exploration): distinct good
 * answers at equal numbers of passing ones, pass@k, likeness, coverage and density in an embedding, and a map to look
 * at. Samples in, figures out; knows no SQL.
 */
import type { Exploration } from '../shared/comparison.ts'
import type { Interval } from '../shared/types.ts'
import { labelOf } from './comparison.ts'
import { embed, EMBEDDING_WORDS } from './embedding.ts'
import { coverageAndDensity, passAtK, rarefied, selfBleu } from './exploration.ts'
import { makeRng } from './rng.ts'
import { clipped, crossedInterval, mean, SHARE } from './statistics.ts'
import { layoutOf, type Told } from './umap.ts'

/** `answer` tells equal answers apart from different ones: the set of items where a verifier knows them, else the text. */
export type ExploredSample = { method: string; seed: number; round: number; prompt: number; text: string; answer: string; pass: boolean; reward: number }

/** Of a prompt's samples, those that self-BLEU compares: it grows with their square. */
const BLEU_SAMPLES = 8
/** Points of the map; more are a cloud, and slow. */
const MAP_POINTS = 6000

type Cell = ExploredSample[]

/** The last round's samples by method, seed and prompt, and the seeds where every method has all prompts. */
function cellsOf(samples: readonly ExploredSample[], finals: ReadonlyMap<string, number>): { methods: string[]; prompts: number[]; complete: number[]; cell: (method: string, seed: number, prompt: number) => Cell } {
  const methods = [...finals.keys()]
  const seeds = [...new Set(samples.map(({ seed }) => seed))].sort((a, b) => a - b)
  const prompts = [...new Set(samples.map(({ prompt }) => prompt))].sort((a, b) => a - b)
  const cells = Map.groupBy(samples.filter(({ method, round }) => finals.get(method) === round), ({ method, seed, prompt }) => `${method}/${seed}/${prompt}`)
  const cell = (method: string, seed: number, prompt: number): Cell => cells.get(`${method}/${seed}/${prompt}`) ?? []
  return { methods, prompts, complete: seeds.filter((seed) => methods.every((method) => prompts.every((prompt) => cell(method, seed, prompt).length > 0))), cell }
}

/**
 * @param samples of one temperature above 0; @param finals the last round of each method, the base's and the warm start's included
 * @param options.told of the map's laying out, the longest part; throws where the work is to stop
 */
export function explore(samples: readonly ExploredSample[], finals: ReadonlyMap<string, number>, { k, told }: { k: number; told?: Told }): Exploration {
  const { methods, prompts, complete, cell } = cellsOf(samples, finals)
  const options = (name: string) => ({ random: makeRng(`exploration/${name}`).next, resamples: 2000 })

  const over = (method: string, name: string, figure: (samples: Cell) => number): Interval => crossedInterval(complete.map((seed) => prompts.map((prompt) => figure(cell(method, seed, prompt)))), options(`${method}/${name}`))

  const ks = [1, 2, 4, 8, 16, 32, 64].filter((one) => one <= k)
  const equal = equalPasses(samples, finals)
  const space = inSpace(methods, complete, prompts, cell)
  return {
    embedding: EMBEDDING_WORDS,
    k,
    seeds: complete.length,
    prompts: prompts.length,
    rarefiedOver: { prompts: equal.length, passes: equal.length === 0 ? 0 : mean(equal.map(({ m }) => m)) },
    methods: complete.length === 0 ? [] : methods.map((key) => {
      const likeness = complete.map((seed) => prompts.map((prompt) => selfBleu(cell(key, seed, prompt).slice(0, BLEU_SAMPLES).map(({ text }) => text)) ?? 1))
      const spread = space.filter(({ method }) => method === key)
      const byPrompt = (of: (one: (typeof space)[number]) => number): number[] => [...Map.groupBy(spread, ({ prompt }) => prompt).values()].map((rows) => mean(rows.map(of)))
      const alone = (name: string, row: number[]): Interval | null => (row.length === 0 ? null : crossedInterval([row], options(`${key}/${name}`)))
      return {
        key,
        label: labelOf(key),
        round: finals.get(key)!,
        passAtK: ks.map((one) => ({ k: one, value: clipped(over(key, `pass@${one}`, (of) => passAtK(of.length, of.filter(({ pass }) => pass).length, Math.min(one, of.length))), SHARE) })),
        rarefied: alone('rarefied', equal.map(({ values }) => values[methods.indexOf(key)]!)),
        selfBleu: clipped(crossedInterval(likeness, options(`${key}/self-bleu`)), SHARE),
        coverage: alone('coverage', byPrompt(({ coverage }) => coverage)),
        density: alone('density', byPrompt(({ density }) => density)),
      }
    }),
    map: mapOf(samples, methods, told),
  }
}

/**
 * Prompts where every method passes at least twice: distinct good answers among as many passing ones (`m`) as the
 * method with fewest has, in the order of the methods. Means over the seeds where that holds.
 */
export function equalPasses(samples: readonly ExploredSample[], finals: ReadonlyMap<string, number>): { m: number; values: number[] }[] {
  const { methods, prompts, complete, cell } = cellsOf(samples, finals)
  return prompts.flatMap((prompt) => {
    const rows = complete.flatMap((seed) => {
      const passing = methods.map((method) => cell(method, seed, prompt).filter(({ pass }) => pass))
      const m = Math.min(...passing.map(({ length }) => length))
      if (m < 2) return []
      return [{ m, values: passing.map((of) => rarefied([...Map.groupBy(of, ({ answer }) => answer).values()].map(({ length }) => length), m)) }]
    })
    if (rows.length === 0) return []
    return [{ m: mean(rows.map(({ m }) => m)), values: methods.map((_, i) => mean(rows.map(({ values }) => values[i]!))) }]
  })
}

/** Coverage and density of each method at each seed and prompt with enough good answers; all texts of a prompt are embedded together. */
function inSpace(methods: readonly string[], seeds: readonly number[], prompts: readonly number[], cell: (method: string, seed: number, prompt: number) => Cell): { method: string; prompt: number; coverage: number; density: number }[] {
  return prompts.flatMap((prompt) => seeds.flatMap((seed) => {
    const all = methods.flatMap((method) => cell(method, seed, prompt).map((sample) => ({ method, sample })))
    const rows = embed(all.map(({ sample }) => sample.text))
    const good = new Map<string, Float32Array>()
    all.forEach(({ sample }, i) => {
      if (sample.pass && !good.has(sample.text)) good.set(sample.text, rows[i]!)
    })
    return methods.flatMap((method) => {
      const figures = coverageAndDensity([...good.values()], all.flatMap((one, i) => (one.method === method ? [{ row: rows[i]!, reward: one.sample.reward }] : [])))
      return figures === null ? [] : [{ method, prompt, ...figures }]
    })
  }))
}

/** Samples of the first seed at every round on one plane, fixed for all rounds; the same few of each prompt. Equal texts lie at one place. */
export function mapOf(samples: readonly ExploredSample[], methods: readonly string[], told?: Told): Exploration['map'] {
  const seed = samples.reduce((least, sample) => Math.min(least, sample.seed), Infinity)
  const own = samples.filter((sample) => sample.seed === seed)
  const cells = [...Map.groupBy(own, ({ method, round, prompt }) => `${method}/${round}/${prompt}`).values()]
  const each = Math.max(1, Math.floor(MAP_POINTS / Math.max(1, cells.length)))
  const shown = cells.flatMap((of) => of.slice(0, each))
  const rows = embed(shown.map(({ text }) => text))
  const places = new Map<string, number>()
  const distinct = rows.filter((_, i) => {
    const { text } = shown[i]!
    return !places.has(text) && places.set(text, places.size)
  })
  const { points, projection, trustworthiness, refit } = layoutOf(distinct, told ? { told } : {})
  return {
    seed, projection, trustworthiness, refit, of: own.length,
    points: shown.map(({ method, round, prompt, text, pass, reward }) => {
      const [x, y] = points[places.get(text)!]!
      return { x: round4(x), y: round4(y), method: methods.indexOf(method), round, prompt, pass, reward: round4(reward), text: text.slice(0, 300) }
    }),
  }
}

const round4 = (value: number): number => Math.round(value * 1e4) / 1e4
