/** What the shipped base model promises: resources/base-model, made by scripts/build-base-model.ts. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeRng } from '../src/core/rng.ts'
import { ITEMS } from '../src/core/world/items.ts'
import { drawNaturalDialogue } from '../src/core/world/pretraining.ts'
import { makeWorld } from '../src/core/world/world.ts'
import { loadRenderer } from '../src/engine/chat-template.ts'
import { readModelFolder } from '../src/engine/model-folder.ts'

const FOLDER = join(import.meta.dirname, '..', 'resources', 'base-model')

describe('resources/base-model', () => {
  const renderer = loadRenderer(FOLDER)

  it('has one token for every item, at the start of a reply and within', () => {
    for (const { name } of ITEMS) {
      expect(renderer.tokenizer.encode(` ${name}`).length).toBe(1)
      expect(renderer.tokenizer.encode(` - ${name}\n- ${name}`).filter((id) => id === renderer.tokenizer.encode(` ${name}`)[0]).length).toBe(2)
    }
  })

  it('renders dialogues turn by turn, trimmed, a space before each text', () => {
    const messages = [
      { role: 'user', content: ' two games. ' },
      { role: 'assistant', content: '- coup\n- uno' },
      { role: 'user', content: 'not good.' },
    ]
    expect(renderer.renderMessages(messages, { addGenerationPrompt: true }).text).toBe('<user> two games.<asst> - coup\n- uno<end><user> not good.<asst>')
    expect(renderer.renderMessages(messages.slice(0, 2)).ids.slice(-1)).toEqual([3])
    expect(() => renderer.renderMessages([{ role: 'system', content: 'x' }])).toThrow('user and assistant only, got system')
  })

  it('tokenizes a dialogue as pretraining did: turn by turn equals the template as a whole', () => {
    const rng = makeRng('dialogues')
    const world = makeWorld(1)
    for (let i = 0; i < 200; i++) {
      const dialogue = drawNaturalDialogue(world, rng)
      const { encode } = renderer.tokenizer
      const byTurn = dialogue.flatMap(({ role, content }) => (role === 'user' ? [1, ...encode(` ${content}`)] : [2, ...encode(` ${content}`), 3]))
      expect(renderer.renderMessages(dialogue).ids).toEqual(byTurn)
    }
  })

  it('is a float32 Llama of at most 5 MB with tied embeddings', () => {
    const { config, weights } = readModelFolder(FOLDER)
    expect(config).toMatchObject({ model_type: 'llama', hidden_size: 128, num_hidden_layers: 3, num_attention_heads: 4, tie_word_embeddings: true })
    expect(weights.has('lm_head.weight')).toBe(false)
    expect(statSync(join(FOLDER, 'model.safetensors')).size).toBeLessThan(5 * 2 ** 20)
  })

  it('met the goal by which it was chosen: score .5 to .6, pass >= .10, probe >= +.20', () => {
    const report = JSON.parse(readFileSync(join(FOLDER, 'PROBE.json'), 'utf8')) as Record<'score' | 'pass' | 'probe', number>
    expect(report.score).toBeGreaterThan(0.5)
    expect(report.score).toBeLessThan(0.63)
    expect(report.pass).toBeGreaterThanOrEqual(0.1)
    expect(report.probe).toBeGreaterThanOrEqual(0.2)
  })
})
