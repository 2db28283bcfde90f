/**
 * A whole iteration of the paper's preset on the first GPU that PyTorch sees, killed and resumed; without a GPU the same on
 * the processor with a tiny model, which is said. DRIFT_TEST_SHAPE=7B takes the larger of the two shapes for a GPU.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { expect, it, onTestFinished } from 'vitest'
import { aLabWorkspace, execute, forgetRuns, leftBehind, queueRun, reclaim } from '../../../tests/support/lab-workspace.ts'
import { putRandomModel } from '../../../tests/support/real-models.ts'
import { hasTorch } from '../../../tests/support/torch.ts'
import { inAHomeOfItsOwn } from '../../../tests/support/torch-home.ts'
import type { Engine } from '../../engine/engine.ts'
import { createTorchEngine } from '../../engine/torch/engine.ts'
import { torchPython } from '../../engine/torch/interpreter.ts'
import { RECIPE_PRESETS } from '../recipe-presets.ts'
import { parseRecipe, requireRecipe } from '../recipe-file.ts'
import { findStage, listStages } from '../storage/run-stages.ts'
import { requireRun } from '../storage/runs.ts'

const hasGpu = hasTorch && spawnSync(torchPython(process.env), ['-c', 'import sys, torch; sys.exit(not torch.cuda.is_available())']).status === 0
/** Qwen2.5's layers and heads under the shipped tokenizer, whose vocabulary is a hundredth of theirs. */
const SHAPES = {
  tiny: { config: {}, maxNewTokens: 16, training: {} },
  '0.5B': { config: { hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, num_attention_heads: 14, num_key_value_heads: 2, head_dim: 64 }, maxNewTokens: 256, training: {} },
  // Whole, it takes 96 GB.
  '7B': { config: { hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28, num_attention_heads: 28, num_key_value_heads: 4, head_dim: 128 }, maxNewTokens: 256, training: { use_peft: true } },
}
const shape = hasGpu ? (process.env.DRIFT_TEST_SHAPE === '7B' ? '7B' : '0.5B') : 'tiny'
if (hasTorch && !hasGpu) console.warn('No GPU that PyTorch can use: the iteration of preset paper-7b runs on the processor, with a tiny model')

if (hasTorch) inAHomeOfItsOwn()

it.skipIf(!hasTorch)(`preset paper-7b samples, pairs, trains and evaluates on ${hasGpu ? `CUDA at ${shape} shape` : 'the CPU at a tiny shape'}; killed as each begins to tell, it ends as undisturbed`, async () => {
  const { config, maxNewTokens, training } = SHAPES[shape]
  const workspace = aLabWorkspace()
  putRandomModel(join(workspace.models, 'base'), 3, config)
  const preset = parse(RECIPE_PRESETS['paper-7b']) as { sampling: object; training: object }
  const yaml = stringify({
    ...preset,
    model_name_or_path: 'models/base', dataset: 'feedback', warm_start: { dataset: 'seed-pairs' }, iterations: 1, device: hasGpu ? 'cuda' : 'cpu',
    // Of three rows of the log one.
    holdout_pairs: 1,
    sampling: { ...preset.sampling, max_new_tokens: maxNewTokens },
    training: { ...preset.training, ...training },
    evaluation: [{ dataset: 'test', k: 2, max_new_tokens: maxNewTokens, heldout_pairs: 'heldout' }],
  })
  expect(requireRecipe(parseRecipe(yaml)).torch.dtype).toBe('bfloat16')

  const calm = queueRun(workspace, yaml)
  await execute(workspace, calm, { engine: anEngine() })
  expect(requireRun(workspace.db, calm.runId)).toMatchObject({ status: 'done', error: null })
  const expected = leftBehind(workspace, calm.runId)
  const stages = listStages(workspace.db, calm.runId).map(({ key, seconds }) => ({ key, seconds: seconds!.toFixed(1) }))
  console.log(`preset paper-7b, ${shape} shape on ${hasGpu ? 'CUDA' : 'the CPU'}: ${stages.map(({ key, seconds }) => `${key} ${seconds} s`).join(', ')}`)
  forgetRuns(workspace)

  const { runId, ...lease } = queueRun(workspace, yaml)
  let next = { runId, ...lease }
  for (const key of ['round-1/sample', 'round-1/train', 'round-1/evaluate']) {
    const { status } = await execute(workspace, next, { engine: anEngine(), isFatal: () => findStage(workspace.db, runId, key) !== null })
    expect([key, status]).toEqual([key, 'killed'])
    next = reclaim(workspace, runId)
  }
  expect((await execute(workspace, next, { engine: anEngine() })).status).toBe('done')
  expect(leftBehind(workspace, runId)).toEqual(expected)
}, hasGpu ? 3_600_000 : 240_000)

function anEngine(): Engine {
  const engine = createTorchEngine(requireRecipe(parseRecipe(RECIPE_PRESETS['paper-7b'])).torch)
  onTestFinished(() => engine.close?.())
  return engine
}
