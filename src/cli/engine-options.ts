/** Options that the engine's verbs share, and what their values may be. */
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import type { TruncationMode } from '../engine/chat-template.ts'
import { DEVICES, ENGINES } from '../engine/device.ts'
import type { Device, EngineName } from '../engine/device.ts'

export function withEngine(command: Command): Command {
  return command
    .requiredOption('--model <dir>', 'model folder in Hugging Face layout (llama, qwen2, qwen3), or org/name[@revision] of the Hub')
    .option('--adapter <dir>', 'PEFT (LoRA) adapter on top of the model')
    .option('--engine <name>', 'embedded or torch', engineName, 'embedded')
    .option('--device <name>', 'embedded: cpu or webgpu (any graphics adapter with WebGPU); torch: cpu, cuda or mps; never replaced by another', deviceName, 'cpu')
}

export function engineName(text: string): EngineName {
  const engine = ENGINES.find(name => name === text)
  if (!engine) throw new InvalidArgumentError(`expected ${ENGINES.join(' or ')}.`)
  return engine
}

export function deviceName(text: string): Device {
  const device = DEVICES.find(name => name === text)
  if (!device) throw new InvalidArgumentError(`expected ${DEVICES.join(' or ')}.`)
  return device
}

export function truncationMode(text: string): TruncationMode {
  if (text !== 'keep_start' && text !== 'keep_end') throw new InvalidArgumentError('expected keep_start or keep_end.')
  return text
}

export function stopText(text: string, earlier: string[] = []): string[] {
  if (text === '') throw new InvalidArgumentError('expected a text of at least one character.')
  return [...earlier, text]
}
