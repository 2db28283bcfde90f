import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aLabWorkspace, aRecipe } from '../../tests/support/lab-workspace.ts'
import { readModelConfig } from '../engine/model-folder.ts'
import { decidingSampling, decidingTraining, recipeSchema } from '../shared/recipe.ts'
import { countParameters, estimateRun } from './estimate.ts'
import { parseRecipe, readRecipe, requireRecipe, withWholePaths } from './recipe-file.ts'

const minimal = 'recipe: drift\nmodel_name_or_path: models/base\ndataset: feedback\n'
const issuesOf = (yaml: string): string[] => parseRecipe(yaml).issues.map(({ path, message }) => `${path}: ${message}`)

describe('a recipe file', () => {
  it('needs three lines; everything else has the public values', () => {
    const { recipe, issues, translated } = parseRecipe(minimal)
    expect({ issues, translated }).toEqual({ issues: [], translated: [] })
    expect(recipe?.training).toMatchObject({ loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.001], beta: 0.1, learning_rate: 5e-7, optim: 'rmsprop', warmup_steps: 0.1 })
    expect(recipe?.sampling).toMatchObject({ temperature: 0.7, top_p: 0.9, max_new_tokens: 512, max_prompt_tokens: 2048, n: 1 })
  })

  it.each([
    ['iterationz: 3', 'iterationz: unknown key "iterationz"; did you mean "iterations"?'],
    ['training: { learnig_rate: 1.0e-6 }', 'training.learnig_rate: unknown key "learnig_rate"; did you mean "learning_rate"?'],
    ['evaluation: [{ dataset: t, temperature: [1] }]', 'evaluation.0.temperature: unknown key "temperature"; did you mean "temperatures"?'],
    ['learning_rate: 1.0e-6', 'learning_rate: unknown key "learning_rate"; it belongs under training (training.learning_rate)'],
    ['sampling: { truncation_side: right }', 'sampling.truncation_side: expected left with prompt_style chat, got right: a chat prompt without its end asks for nothing; set prompt_style: paper'],
    ['sampling: { reply_from: last-marker }', 'sampling.reply_from: expected completion with prompt_style chat, got last-marker: a chat prompt holds no "Assistant: "; set prompt_style: paper'],
    ['sampling: { seed: 3 }', 'sampling.seed: unknown key "seed"; it belongs at the top level'],
  ])('with an unknown key (%s) is told the nearest one', (line, message) => {
    expect(issuesOf(`${minimal}${line}\n`)).toEqual([message])
  })

  it.each([
    ['recipe: drft', 'recipe: expected one of "drift"|"drift-unguided"|"drift-own-rejected"|"drift-sft"|"drift-frozen"|"iterative-dpo"|"spin"|"dpo", got "drft"'],
    ['seed: seven', 'seed: expected number, got "seven"'],
    ['iterations: 1.5', 'iterations: expected a whole number, got 1.5'],
    ['training: { loss_weights: [1, 2, 3] }', 'training.loss_weights: expected 2 weights, one for each of sigmoid, sft, got 3'],
    ['engine: torch\ndevice: webgpu', 'device: expected cpu or cuda or mps with engine torch, got webgpu'],
    ['device: cuda', 'device: expected cpu or webgpu with engine embedded, got cuda'],
    ['torch: { dtype: bfloat16 }', 'torch: its settings are read by engine torch alone, got engine embedded; set engine: torch, or leave them out'],
    ['engine: torch\ndevice: mps\ntorch: { use_vllm: true }', 'torch.use_vllm: expected device cuda or cpu, got mps; vLLM does not compute there'],
    ['engine: torch\ntraining: { use_peft: true }\ntorch: { use_vllm: true, load_in_4bit: true }', 'torch.use_vllm: expected false with load_in_4bit, got true: vLLM would draw from other weights than those that are trained'],
    ['engine: torch\ntorch: { num_processes: 4, use_vllm: true, vllm_tensor_parallel_size: 3 }', 'torch.vllm_tensor_parallel_size: expected a divisor of torch.num_processes 4, got 3'],
    ['engine: torch\ntorch: { num_processes: 2, vllm_tensor_parallel_size: 2 }', 'torch.vllm_tensor_parallel_size: 2 is read with torch.use_vllm: true alone; set it, or leave this out'],
    ['recipe: iterative-dpo\nreward: judge', 'judge: expected base_url and model of the judge (reward: judge), found none; add them, the key stays in DRIFT_JUDGE_API_KEY'],
    ['pairs_per_round: 50\nholdout_pairs: 50', 'holdout_pairs: expected fewer than pairs_per_round 50, got 50; nothing would be left to train on'],
    ['training: { lora_target_modules: 3 }', 'training.lora_target_modules: expected all-linear, a list of layer names ([q_proj, v_proj]) or null, got 3'],
    ['training: { loss_type: [sigmoid, kto] }', 'training.loss_type.1: expected one of "sigmoid"|"hinge"|"ipo"|"sigmoid_norm"|"robust"|"sft", got "kto"'],
    ['evaluation: [{ dataset: t }, { dataset: t }]', 'evaluation.1.dataset: t is evaluated twice; put all temperatures into one item'],
  ])('with a wrong value (%s) says what was expected and what was found', (lines, message) => {
    const own = lines.startsWith('recipe:') ? minimal.replace('recipe: drift\n', '') : minimal
    expect(issuesOf(`${own}${lines}\n`)).toEqual([message])
  })

  it('tells everything that is wrong at once', () => {
    expect(issuesOf('recipe: drift\nseed: x\niteration: 2\n')).toHaveLength(4)
  })

  it('that is no YAML is told the line', () => {
    expect(issuesOf('recipe: drift\nsampling: { n: 1\n')[0]).toMatch(/expected YAML, got text that is none at line \d, column \d+: /)
    expect(issuesOf('- a\n- b\n')[0]).toContain('expected "key: value" lines')
  })
})

describe('a key that TRL removed', () => {
  it('rpo_alpha becomes the loss it meant', () => {
    const { recipe, translated } = parseRecipe(`${minimal}training: { loss_type: [sigmoid], rpo_alpha: 0.005 }\n`)
    expect(recipe?.training).toMatchObject({ loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.005] })
    expect(translated).toMatchObject([{ from: 'training.rpo_alpha', to: 'training.loss_type' }])
  })

  it('warmup_ratio becomes warmup_steps, max_prompt_length is left to where prompts are cut', () => {
    const { recipe, translated } = parseRecipe(`${minimal}training: { warmup_ratio: 0.2, max_prompt_length: 1024 }\n`)
    expect(recipe?.training.warmup_steps).toBe(0.2)
    expect(translated.map(({ from, to }) => [from, to])).toEqual([['training.max_prompt_length', ''], ['training.warmup_ratio', 'training.warmup_steps']])
  })

  it('may stand at the top, as in alignment-handbook\'s files', () => {
    const { recipe, translated } = parseRecipe(`${minimal}dataset_mixer: { a: 1.0 }\nrpo_alpha: 0.1\ntorch_dtype: bfloat16\n`)
    expect(recipe?.training.loss_weights).toEqual([1, 0.1])
    expect(translated.map(({ from }) => from).sort()).toEqual(['dataset_mixer', 'rpo_alpha', 'torch_dtype'])
  })

  it('does not bring default weights to a loss of one\'s own', () => {
    expect(parseRecipe(`${minimal}training: { loss_type: sigmoid }\n`).recipe?.training).toMatchObject({ loss_type: ['sigmoid'], loss_weights: null })
  })

  it('with a wrong value is an issue, not a crash', () => {
    expect(issuesOf(`${minimal}training: { rpo_alpha: much }\n`)).toEqual(['training: rpo_alpha: expected a number of at least 0, got "much"'])
  })
})

describe('a key that is given and changes nothing', () => {
  const warningsOf = (training: string, rest = ''): string[] => parseRecipe(`${minimal}training: ${training}\n${rest}`).warnings.map(({ path, message }) => `${path} ${message}`)
  it('is said', () => {
    expect(warningsOf('{ label_smoothing: 0.1 }')).toEqual(['training.label_smoothing has no effect without loss_type robust, as in TRL'])
    expect(warningsOf('{ label_smoothing: 0.1, loss_type: [robust] }')).toEqual([])
    expect(warningsOf('{ lora_r: 8, use_rslora: true }')).toEqual(['training.lora_r has no effect without use_peft: true', 'training.use_rslora has no effect without use_peft: true'])
    expect(warningsOf('{ lora_r: 8, use_peft: true }')).toEqual([])
    expect(parseRecipe(`${minimal}mix_previous: true\nreward: judge\n`).warnings.map(({ path }) => path)).toEqual(['mix_previous', 'reward'])
    expect(parseRecipe(`${minimal}resample_stale_only: 0.1\n`)).toMatchObject({ recipe: { resample_stale_only: 0.1 }, warnings: [] })
    expect(parseRecipe(`${minimal.replace('drift', 'spin')}resample_stale_only: 0.1\n`).warnings).toEqual([{ path: 'resample_stale_only', message: 'has no effect without recipe: drift' }])
    expect(parseRecipe(`${minimal}resample_stale_only: -1\n`).issues.map(({ path }) => path)).toEqual(['resample_stale_only'])
    expect(parseRecipe(`${minimal.replace('drift', 'spin')}mix_previous: true\nwithout_feedback: critique\n`).warnings.map(({ path }) => path)).toEqual(['without_feedback'])
    expect(parseRecipe(`${minimal.replace('drift', 'iterative-dpo')}training: { use_peft: true }\n`).warnings.map(({ path }) => path)).toEqual(['training.use_peft'])
  })
})

describe('what a stage is known by', () => {
  it('is what it was before there were adapters and filters, where the recipe asks for none', () => {
    const { training, sampling } = requireRecipe(parseRecipe(minimal))
    const { use_peft, lora_r, lora_alpha, lora_target_modules, use_rslora, ...older } = training
    expect({ use_peft, lora_r, lora_alpha, lora_target_modules, use_rslora }).toEqual({ use_peft: false, lora_r: 16, lora_alpha: 32, lora_target_modules: null, use_rslora: false })
    expect(decidingTraining(training)).toEqual(older)
    expect(decidingSampling(sampling)).toEqual({ temperature: 0.7, top_p: 0.9, max_new_tokens: 512, n: 1, max_prompt_tokens: 2048, batch_size: 64 })
    expect(decidingSampling({ ...sampling, truncation_side: 'right', reply_from: 'last-marker' })).toMatchObject({ truncation_side: 'right', reply_from: 'last-marker' })
    expect(decidingTraining({ ...training, use_peft: true })).toMatchObject({ use_peft: true, lora_r: 16 })
    expect(decidingSampling({ ...sampling, top_k: 40, min_p: 0.1, repetition_penalty: 1.1 })).toMatchObject({ top_k: 40, min_p: 0.1, repetition_penalty: 1.1 })
  })
})

it('a script gets the whole path of a DeepSpeed configuration, and is the same otherwise', () => {
  const yaml = `# mine\n${minimal}engine: torch\ntorch: { num_processes: 2, deepspeed: zero.json } # ZeRO\n`
  const recipe = requireRecipe(parseRecipe(yaml))
  expect(withWholePaths(yaml, recipe, '/scratch/w')).toBe(yaml.replace('zero.json', '/scratch/w/zero.json'))
  const whole = yaml.replace('zero.json', '/etc/zero.json')
  expect(withWholePaths(whole, requireRecipe(parseRecipe(whole)), '/scratch/w')).toBe(whole)
  expect(withWholePaths(minimal, requireRecipe(parseRecipe(minimal)), '/scratch/w')).toBe(minimal)
})

describe('what a recipe names', () => {
  const base = join(import.meta.dirname, '../../resources/base-model')
  const aWorkspace = () => {
    const workspace = aLabWorkspace()
    cpSync(base, join(workspace.models, 'base'), { recursive: true })
    return workspace
  }

  it.runIf(existsSync(base))('is looked for in the workspace', () => {
    const workspace = aWorkspace()
    expect(readRecipe(aRecipe('drift'), workspace).issues).toEqual([])
    const { recipe, issues } = readRecipe(aRecipe('drift', { dataset: 'feedbak', model_name_or_path: 'models/bass', warm_start: { dataset: 'test' }, evaluation: [{ dataset: 'feedback' }] }), workspace)
    expect(recipe).toBeNull()
    expect(issues.map(({ path }) => path)).toEqual(['model_name_or_path', 'dataset', 'warm_start.dataset', 'evaluation.0.dataset'])
    expect(issues[1]?.message).toBe('expected a dataset of the workspace or a file, got "feedbak", which is neither. Nearest dataset: "feedback"')
    expect(issues[2]?.message).toBe('expected a dataset of kind preference, got test of kind prompts')
    expect(() => requireRecipe({ recipe, issues, translated: [], warnings: [] })).toThrow(/^recipe: model_name_or_path: .*models\/bass/)
  })

  it.runIf(existsSync(base))('DeepSpeed\'s configuration is read, and held against the recipe', () => {
    const workspace = aWorkspace()
    const issuesIn = (file: string): string[] => readRecipe(aRecipe('drift', { engine: 'torch', torch: { deepspeed: file } }), workspace).issues.map(({ path, message }) => `${path}: ${message}`)
    const write = (name: string, text: string): void => writeFileSync(join(workspace.path, name), text)
    expect(issuesIn('zero.json')).toEqual([`torch.deepspeed: expected a DeepSpeed configuration (JSON) at ${join(workspace.path, 'zero.json')}, found nothing; correct the path`])
    write('zero.json', 'stage: 2')
    expect(issuesIn('zero.json')[0]).toMatch(/^torch\.deepspeed: expected JSON in .*zero\.json, got something else/)
    write('zero.json', JSON.stringify({ scheduler: {}, gradient_clipping: 0.3 }))
    expect(issuesIn('zero.json')).toEqual(['torch.deepspeed: scheduler: the rate of each step is the recipe\'s (lr_scheduler_type, warmup_steps); leave it out', 'torch.deepspeed: gradient_clipping 0.3: expected max_grad_norm 1 or "auto"; change one of them'])
    write('zero.json', JSON.stringify({ zero_optimization: { stage: 2 } }))
    expect(issuesIn('zero.json')).toEqual([])
    expect(issuesIn(join(workspace.path, 'zero.json'))).toEqual([])
  })

  it('a model of the Hub that is not here yet is fetched by the run, so only offline it is an issue', () => {
    const workspace = aLabWorkspace()
    const before = process.env.HF_HUB_OFFLINE
    try {
      process.env.HF_HUB_OFFLINE = '0'
      expect(readRecipe(aRecipe('drift', { model_name_or_path: 'nobody-has/this-model' }), workspace).issues.map(({ path }) => path)).not.toContain('model_name_or_path')
      process.env.HF_HUB_OFFLINE = '1'
      expect(readRecipe(aRecipe('drift', { model_name_or_path: 'nobody-has/this-model' }), workspace).issues).toContainEqual({ path: 'model_name_or_path', message: 'expected a folder, or a model of the Hub that is here already (HF_HUB_OFFLINE is set), got nobody-has/this-model' })
    } finally {
      if (before === undefined) delete process.env.HF_HUB_OFFLINE
      else process.env.HF_HUB_OFFLINE = before
    }
  })

  it.runIf(existsSync(base))('has its size estimated, and its time once something was measured', () => {
    const workspace = aWorkspace()
    const recipe = requireRecipe(readRecipe(aRecipe('drift'), workspace))
    const estimate = estimateRun(recipe, workspace)
    expect(estimate.seconds).toBeNull()
    // 770,944 weights of 4 bytes: two rounds and the warm start, three checkpoints with AdamW's two arrays.
    expect(estimate.diskBytes).toBe(4 * 770_944 * (3 + 3 * 3))
    expect(estimate.memoryBytes).toBeGreaterThan(200e6)
  })

  it.runIf(existsSync(base))('has an adapter\'s layers looked for in the model', () => {
    const workspace = aWorkspace()
    const issuesFor = (targets: unknown): string[] => readRecipe(aRecipe('drift', { training: { use_peft: true, lora_target_modules: targets } }), workspace).issues.map(({ path, message }) => `${path}: ${message}`)
    for (const targets of ['all-linear', ['all-linear'], ['q_proj', 'mlp.down_proj'], null]) expect(issuesFor(targets)).toEqual([])
    expect(issuesFor(['q_proj', 'c_attn'])).toEqual([expect.stringMatching(/^training\.lora_target_modules: expected ends of the names of models\/base's linear layers \(q_proj, .*\) or all-linear, got "c_attn"$/)])
  })

  it.runIf(existsSync(base))('is estimated as the engine reckons: of an adapter, gradients, optimizer and checkpoints alone', () => {
    const workspace = aWorkspace()
    const estimateOf = (training: Record<string, unknown>) => estimateRun(requireRecipe(readRecipe(aRecipe('drift', { training }), workspace)), workspace)
    const [whole, lora] = [estimateOf({ optim: 'adamw_torch' }), estimateOf({ optim: 'adamw_torch', use_peft: true, lora_r: 4 })]
    expect(whole.memoryParts).toMatchObject({ weights: 4 * 770_944, gradients: 4 * 770_944, optimizer: 8 * 770_944 })
    // q_proj and v_proj of each layer: 4 x (in + out) numbers.
    const { hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: keys } = readModelConfig(join(workspace.models, 'base'))
    const adapter = layers * 4 * (2 * hidden + hidden + (hidden / heads) * keys)
    expect(lora.memoryParts).toMatchObject({ weights: 4 * (770_944 + adapter), gradients: 4 * adapter, optimizer: 8 * adapter })
    expect(lora.memoryParts?.activations).toBeLessThan(whole.memoryParts?.activations ?? 0)
    // Models of two rounds and the warm start are whole; adapters stand beside them; a checkpoint holds three arrays of the adapter.
    expect(lora.diskBytes).toBe(4 * 770_944 * 3 + 4 * adapter * (3 + 3 * 3))
    const single = estimateOf({ optim: 'adamw_torch', per_device_train_batch_size: 1 })
    expect(whole.memoryParts?.activations).toBeGreaterThan(3 * (single.memoryParts?.activations ?? Infinity))
    // No pair is longer than what training cuts at.
    const short = estimateOf({ optim: 'adamw_torch', max_length: 40 })
    expect(short.memoryParts?.longest).toBeLessThanOrEqual(80)
    expect(short.memoryParts?.activations).toBeLessThan(whole.memoryParts?.activations ?? 0)
  })

  it('counts the weights of published models', () => {
    // Sums of the tensor sizes in Qwen2.5-0.5B (without its 3 x 24 biases of queries, keys and values) and SmolLM2-135M.
    const smol = { vocab_size: 49_152, hidden_size: 576, num_hidden_layers: 30, num_attention_heads: 9, num_key_value_heads: 3, head_dim: 64, intermediate_size: 1536, tie_word_embeddings: true }
    expect(countParameters(smol)).toBe(134_515_008)
  })
})

it('the schema of a recipe survives being stored as JSON', () => {
  const recipe = requireRecipe(parseRecipe(aRecipe('spin')))
  expect(recipeSchema.parse(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe)
})
