/** `drift inspect`: preference pairs token by token, under a policy and its reference. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { loadRenderer } from '../engine/chat-template.ts'
import type { PreferenceRow, TruncationMode } from '../engine/chat-template.ts'
import { checkAdapterFolder } from '../engine/adapter-folder.ts'
import type { Engine, Model } from '../engine/engine.ts'
import { checkSameTokens, inspectPairs, layOutPair } from '../engine/inspect.ts'
import type { InspectedPair, InspectedSide, InspectedToken, PairLayout } from '../engine/inspect.ts'
import { readModelConfig } from '../engine/model-folder.ts'
import { UsageError } from '../shared/errors.ts'
import { truncationMode } from './engine-options.ts'
import type { VerbIo } from './engine-verbs.ts'
import { readJsonRows } from './json-rows.ts'
import { numberWithin, positiveInteger, wholeNumber } from './option-values.ts'
import { checkPairRow, isBadInput } from './pair-rows.ts'

export type InspectArgs = {
  model: string
  data: string
  reference?: string
  /** PEFT adapter folder on top of the model; the reference, where none is named, is then the model without it. */
  adapter?: string
  /** The row at this place, from 0, alone. */
  index?: number
  /** The first rows. */
  limit?: number
  beta: number
  maxLength: number | null
  truncationMode: TruncationMode
}

/** Pairs scored in one call, as `score` does: the same figures to the last bit. */
const SCORED_PAIRS = 8

/** A row per pair of the file, in order; `show` gets the pair with its place. */
export async function runInspect(args: InspectArgs, engine: Engine, io: VerbIo): Promise<void> {
  const adapter = args.adapter === undefined ? undefined : checkAdapterFolder(args.adapter)
  const rows = await readRows(args)
  const renderer = loadRenderer(args.model)
  const { max_position_embeddings: context } = readModelConfig(args.model)
  const referenceRenderer = args.reference === undefined ? null : loadRenderer(args.reference)
  const limit = args.maxLength === null ? null : ({ tokens: args.maxLength, rule: 'max_length', mode: args.truncationMode } as const)
  const layouts = rows.map(({ row, where }) => {
    try {
      const layout = layOutPair(renderer, row, limit)
      checkContext(layout, context)
      if (referenceRenderer) checkSameTokens(renderer, referenceRenderer, row, args.reference ?? '')
      if (layout.dropped !== null) io.note(`${where}: training leaves the pair out, because ${layout.dropped}`)
      if (layout.lostPromptEnd !== '') io.note(`${where}: the prompt renders differently with its completion; its end ${JSON.stringify(layout.lostPromptEnd)} is left out, as TRL does`)
      return layout
    } catch (error) {
      throw isBadInput(error) ? new UsageError(`${where}: ${error.message}`) : error
    }
  })
  const policy = await engine.load(resolve(args.model), adapter === undefined ? {} : { adapter })
  try {
    const reference = await loadReference(args, policy, engine)
    try {
      for (let start = 0; start < layouts.length; start += SCORED_PAIRS) {
        const pairs = await inspectPairs(layouts.slice(start, start + SCORED_PAIRS), { policy, reference }, args.beta, io.signal)
        for (const [i, pair] of pairs.entries()) await io.writeRow({ ...pair, index: rows[start + i]?.index ?? start + i })
      }
    } finally {
      if (reference !== policy) await reference?.dispose()
    }
  } finally {
    await policy.dispose()
  }
}

/** The policy itself where the same folder is named, so that no model is held twice; an adapter makes another model of it. */
async function loadReference({ model, reference, adapter }: InspectArgs, policy: Model, engine: Engine): Promise<Model | null> {
  if (reference === undefined) return adapter === undefined ? null : engine.load(resolve(model))
  return adapter === undefined && resolve(reference) === resolve(model) ? policy : engine.load(resolve(reference))
}

/**
 * A pair as a JSON row:
 * `{index, beta, margin, weight, dropped, cut_by, prompt: {tokens}, chosen: {tokens, logp, ref_logp, log_ratio}, rejected: {…}}`,
 * a token `{id, text, logp, ref_logp?, log_ratio?, template?: true, cut?: true}`. Figures that do not exist are null or left out.
 */
export function inspectRow(pair: InspectedPair & { index: number }): Record<string, unknown> {
  const { index, beta, margin, weight, dropped, limit } = pair
  return {
    index, beta, margin, weight, dropped,
    cut_by: limit === null ? null : { [limit.rule]: limit.tokens, truncation_mode: limit.mode },
    prompt: { tokens: pair.prompt.map(tokenRow) },
    chosen: sideRow(pair.chosen),
    rejected: sideRow(pair.rejected),
  }
}

function sideRow({ tokens, logps, refLogps, logRatio }: InspectedSide): Record<string, unknown> {
  return { tokens: tokens.map(tokenRow), logp: logps, ...(refLogps === null ? {} : { ref_logp: refLogps, log_ratio: logRatio }) }
}

function tokenRow({ id, text, template, cut, logp, refLogp }: InspectedToken): Record<string, unknown> {
  return { id, text, logp, ...(refLogp === null || logp === null ? {} : { ref_logp: refLogp, log_ratio: logp - refLogp }), ...(template ? { template } : {}), ...(cut ? { cut } : {}) }
}

async function readRows({ data, index, limit }: InspectArgs): Promise<{ row: PreferenceRow; index: number; where: string }[]> {
  const rows: { row: PreferenceRow; index: number; where: string }[] = []
  let place = 0
  for await (const json of readJsonRows(data)) {
    const here = place++
    if (index !== undefined && here !== index) continue
    rows.push({ row: checkPairRow(json), index: here, where: `${data} line ${json.line}` })
    if (index !== undefined || rows.length === limit) break
  }
  if (rows.length === 0) throw new UsageError(place === 0 ? `${data}: expected at least one preference row, got an empty file` : `--index: expected a row of ${data} (0 to ${place - 1}), got ${index}`)
  return rows
}

/** @throws UsageError where the scored part is longer than the model can hold. */
function checkContext({ fitted }: PairLayout, context: number): void {
  if (fitted === null) return
  const length = fitted.promptIds.length + Math.max(fitted.chosenIds.length, fitted.rejectedIds.length)
  if (length > context) throw new UsageError(`prompt and reply have ${length} tokens, the model's context (max_position_embeddings) is ${context}; set a smaller --max_length`)
}

/** Adds inspect; `io` is made when it runs, with how rows are written. */
export function registerInspectVerb(program: Command, makeIo: (format: (row: unknown) => string) => VerbIo): void {
  program
    .command('inspect')
    .description('preference pairs token by token: log-probabilities, log-ratios, template tokens, what is cut; computed by the embedded engine')
    .requiredOption('--model <dir>', 'model folder of the policy, in Hugging Face layout (llama, qwen2, qwen3)')
    .option('--adapter <dir>', 'PEFT (LoRA) adapter on top of the model')
    .option('--reference <dir>', 'model folder of the reference; without it the model without its adapter, or none where there is no adapter')
    .requiredOption('--data <file>', 'JSON lines {prompt, chosen, rejected}: strings or message lists, plain or .gz')
    .option('--index <n>', 'only the row at this place, from 0', wholeNumber)
    .option('--limit <n>', 'only the first rows', positiveInteger)
    .option('--beta <beta>', 'beta of the DPO loss', numberWithin(0, Infinity), 0.1)
    .option('--max_length <tokens>', 'cut prompt and reply together to so many tokens, as training does (default: no cut)', positiveInteger)
    .option('--truncation_mode <mode>', 'keep_start or keep_end', truncationMode, 'keep_start')
    .option('--json', 'JSON lines on stdout, also on a terminal')
    .action(async (options: Omit<InspectArgs, 'maxLength' | 'truncationMode'> & { max_length?: number; truncation_mode: TruncationMode; json?: true }) => {
      const { embeddedEngine } = await import('../engine/embedded.ts')
      const { tokenTable } = await import('./token-table.ts')
      const { stdout, env } = process
      const style = { colour: !env['NO_COLOR'] && env['TERM'] !== 'dumb', width: stdout.columns || 100 }
      const format = options.json || !stdout.isTTY ? (pair: InspectedPair & { index: number }) => JSON.stringify(inspectRow(pair)) : (pair: InspectedPair & { index: number }) => tokenTable(pair, pair.index, style)
      // What this verb writes are its pairs.
      const io = makeIo(row => format(row as InspectedPair & { index: number }))
      await runInspect({ ...options, maxLength: options.max_length ?? null, truncationMode: options.truncation_mode }, embeddedEngine, io)
    })
}
