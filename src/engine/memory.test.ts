import { describe, expect, it } from 'vitest'
import { Graph } from './graph.ts'
import { peakBytes, requireMemory, trainingMemory } from './memory.ts'
import { at } from './ops/op.ts'

describe('the memory of a graph', () => {
  it('is what lives between nodes, not the inputs and outputs', () => {
    const graph = new Graph()
    const x = graph.input('x', ['N', 10])
    graph.output('y', graph.add(x, x))
    expect(peakBytes(graph, { N: 3 })).toBe(0)
  })

  it('counts a value until its last reader has run', () => {
    const graph = new Graph()
    const x = graph.input('x', ['N', 4])
    const w = graph.input('w', [4, 8])
    const a = graph.matmul(x, w) // N·8, read by both that follow
    const b = graph.matmul(a, graph.input('v', [8, 2])) // N·2
    graph.output('y', graph.matmul(b, graph.matmul(a, graph.input('u', [8, 5])), { transA: true })) // N·5
    expect(peakBytes(graph, { N: 3 })).toBe(4 * 3 * (8 + 2 + 5))
  })

  it('writes an elementwise result over an input that ends there', () => {
    const graph = new Graph()
    const x = graph.input('x', ['N', 4])
    const a = graph.matmul(x, graph.input('w', [4, 8]))
    graph.output('y', graph.sum(at(graph.apply('Exp', [at(graph.apply('Neg', [a], {}), 0)], {}), 0), [1], true))
    expect(peakBytes(graph, { N: 5 })).toBe(4 * 5 * 8)
  })

  it('takes a reshaped value for the same memory', () => {
    const graph = new Graph()
    const a = graph.matmul(graph.input('x', ['N', 4]), graph.input('w', [4, 8]))
    graph.output('y', graph.sum(graph.reshape(a, [8, 'N']), [1], true))
    expect(peakBytes(graph, { N: 5 })).toBe(4 * 5 * 8)
  })

  it('leaves out what no output needs', () => {
    const graph = new Graph()
    const x = graph.input('x', ['N', 4])
    graph.matmul(x, graph.input('w', [4, 800]))
    graph.output('y', graph.sum(x, [1], true))
    expect(peakBytes(graph, { N: 5 })).toBe(0)
  })

  it('wants the size of every name', () => {
    const graph = new Graph()
    graph.output('y', graph.sum(graph.matmul(graph.input('x', ['N', 4]), graph.input('w', [4, 8])), [1], true))
    expect(() => peakBytes(graph, {})).toThrow('expected the size of dimension "N", got none')
  })
})

describe('training that will not fit', () => {
  const memory = trainingMemory({ weights: 2e9, gradients: 2e9, optimizer: 4e9, activations: 6e9 })

  it('is refused with its parts and what to change', () => {
    expect(() => requireMemory(memory, 2e9, 7e9, { batch: 4, longest: 900, checkpointed: false, isAdapter: false, device: 'cpu' })).toThrow(
      'training: expected to need at most 9.0 GB of memory, which is what is free, got an estimate of 14 GB (weights 2.0 GB, gradients 2.0 GB, optimizer 4.0 GB, activations 6.0 GB); choose a smaller per_device_train_batch_size (now 4; with gradient_accumulation_steps raised the step stays the same), or gradient_checkpointing: true, or a smaller max_length (the longest example has 900 tokens), or a LoRA adapter (use_peft: true), or optim: rmsprop instead of AdamW',
    )
    expect(() => requireMemory(memory, 2e9, 7e9, { batch: 1, longest: 900, checkpointed: true, isAdapter: true, device: 'cpu' })).toThrow(/choose a smaller max_length \(the longest example has 900 tokens\)$/)
  })

  it('is told apart from what lies on a device', () => {
    expect(() => requireMemory(memory, 2e9, 7e9, { batch: 1, longest: 900, checkpointed: true, isAdapter: false, device: 'webgpu' })).toThrow(/activations 6\.0 GB\), the memory of the device not counted; choose a smaller max_length \(the longest example has 900 tokens\)$/)
  })

  it('starts where it fits, or where nobody knows', () => {
    requireMemory(memory, 2e9, 13e9, { batch: 4, longest: 900, checkpointed: true, isAdapter: false, device: 'cpu' })
    requireMemory(memory, 2e9, 0, { batch: 4, longest: 900, checkpointed: true, isAdapter: false, device: 'cpu' })
  })
})
