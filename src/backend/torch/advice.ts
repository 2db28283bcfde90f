/** Before a run on the torch engine starts: is there a Python for it, and does it fit the device that is known of. */
import { bytesInWords } from '../../core/torch-words.ts'
import type { TrainingMemory } from '../../engine/memory.ts'
import { torchPython } from '../../engine/torch/interpreter.ts'
import type { RecipeCheck } from '../../shared/contract.ts'
import type { TorchDevice } from '../../shared/engines.ts'
import type { Recipe } from '../../shared/recipe.ts'
import { lastCapabilities } from './known-capabilities.ts'

/** CUDA's own context, kernels and workspace. */
const GPU_CONTEXT_BYTES = 0.8e9
type Change = { words: string; recipe: Recipe }

/** Warnings; `memoryOf` reckons with a changed recipe. */
export function adviseTorch(recipe: Recipe, memoryOf: ((recipe: Recipe) => TrainingMemory) | null, env: NodeJS.ProcessEnv): RecipeCheck['warnings'] {
  if (recipe.engine !== 'torch') return []
  let python: string
  try {
    python = torchPython(env)
  } catch (error) {
    return [{ path: 'engine', message: (error as Error).message }]
  }
  const capabilities = lastCapabilities(python, env)
  if (capabilities === null) return [{ path: 'engine', message: `what ${python} can compute on is not known yet: \`drift engine list\` asks it` }]
  const devices = capabilities.devices.filter(({ name }) => name === recipe.device || name.startsWith(`${recipe.device}:`))
  const { num_processes: processes, load_in_4bit, use_vllm, deepspeed } = recipe.torch
  const warnings: RecipeCheck['warnings'] = []
  if (devices.length === 0) return [{ path: 'device', message: `this machine has ${capabilities.devices.map(({ name }) => name).join(', ') || 'no device that torch computes on'}, not ${recipe.device}; the run would be refused here` }]
  if (recipe.device === 'cuda' && processes > devices.length) warnings.push({ path: 'torch.num_processes', message: `${processes} processes need as many GPUs, this machine has ${devices.length}` })
  if (load_in_4bit && capabilities.versions.bitsandbytes === null) warnings.push({ path: 'torch.load_in_4bit', message: `needs bitsandbytes, which ${python} lacks: ${python} -m pip install bitsandbytes` })
  if (use_vllm && capabilities.versions.vllm === null) warnings.push({ path: 'torch.use_vllm', message: `needs vLLM, which ${python} lacks: ${python} -m pip install vllm, or set it to false` })
  if (deepspeed !== null && capabilities.versions.deepspeed === null) warnings.push({ path: 'torch.deepspeed', message: `needs deepspeed, which ${python} lacks: ${python} -m pip install deepspeed` })
  const fit = memoryOf === null ? null : adviseMemory(recipe, memoryOf, devices)
  return fit === null ? warnings : [...warnings, fit]
}

function adviseMemory(recipe: Recipe, memoryOf: (recipe: Recipe) => TrainingMemory, devices: readonly TorchDevice[]): RecipeCheck['warnings'][number] | null {
  const isGpu = recipe.device !== 'cpu'
  const room = Math.min(...devices.map((device) => roomOn(device)))
  const bytesOf = (one: Recipe): number => {
    const { weights, gradients, optimizer, activations, total } = memoryOf(one)
    return isGpu ? GPU_CONTEXT_BYTES + weights + gradients + optimizer + activations : total
  }
  const needed = bytesOf(recipe)
  if (needed <= room) return null
  const { weights, gradients, optimizer, activations } = memoryOf(recipe)
  const fitting = changesOf(recipe, devices.length).map(({ words, recipe: changed }) => ({ words, bytes: bytesOf(changed) })).filter(({ bytes }) => bytes <= room)
  const advice = fitting.length === 0 ? 'nothing we know of makes it fit; take a smaller model, or more or larger GPUs' : `what fits: ${fitting.slice(0, 2).map(({ words, bytes }) => `${words} (about ${bytesInWords(bytes)})`).join(', or ')}`
  return { path: 'training', message: `needs about ${bytesInWords(needed)} on ${isGpu ? 'each GPU' : 'this machine'} (weights ${bytesInWords(weights)}, gradients ${bytesInWords(gradients)}, optimizer ${bytesInWords(optimizer)}, activations ${bytesInWords(activations)}), ${devices[0]!.label} has ${bytesInWords(room)}; ${advice}` }
}

/** What other processes hold on a GPU stays theirs; a computer's memory is asked for as a whole. */
function roomOn({ kind, total_bytes: total, other_processes: others }: TorchDevice): number {
  const taken = kind === 'cpu' ? 0 : others.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
  return total === null ? Infinity : total - taken
}

/** From what changes the result least. */
function changesOf(recipe: Recipe, gpus: number): Change[] {
  const training = (changed: Partial<Recipe['training']>): Recipe => ({ ...recipe, training: { ...recipe.training, ...changed } })
  const checkpointed = training({ gradient_checkpointing: true })
  const lora = training({ gradient_checkpointing: true, use_peft: true })
  const half: Recipe = { ...lora, torch: { ...recipe.torch, dtype: 'bfloat16' } }
  return [
    { words: 'gradient_checkpointing: true', recipe: checkpointed },
    ...(recipe.device === 'cuda' && gpus > recipe.torch.num_processes ? [{ words: `gradient_checkpointing: true with torch.num_processes: ${gpus}`, recipe: { ...checkpointed, torch: { ...recipe.torch, num_processes: gpus } } }] : []),
    { words: 'LoRA (use_peft: true) with gradient_checkpointing: true', recipe: lora },
    { words: 'LoRA with gradient_checkpointing: true and torch.dtype: bfloat16', recipe: half },
    ...(recipe.device === 'cuda' ? [{ words: 'QLoRA (use_peft: true, torch.load_in_4bit: true) with gradient_checkpointing: true', recipe: { ...half, torch: { ...half.torch, load_in_4bit: true, num_processes: 1 } } }] : []),
  ]
}
