/**
 * llama.cpp through node-llama-cpp, one prompt after the other: one JSON argument in, a JSON line per completion out.
 * The package lies in bench/node_modules where the bench has installed it, so its types are not at hand.
 */
export type LlamaOptions = { file: string; prompts: number[][]; newTokens: number; temperature: number; topP: number; threads: number }

type Sampling = { temperature: number; topP?: number; topK?: number; minP?: number; seed?: number; yieldEogToken: boolean }
type Sequence = { clearHistory(): Promise<void>; evaluate(tokens: number[], options: Sampling): AsyncIterable<number> }
type Context = { getSequence(): Sequence }
type LlamaModel = { createContext(options: { contextSize: number; threads: number; sequences: number }): Promise<Context> }
type Llama = { loadModel(options: { modelPath: string }): Promise<LlamaModel>; dispose(): Promise<void> }
type Package = { getLlama(options: { gpu: false; build: 'never'; maxThreads: number; logLevel: 'error' }): Promise<Llama> }

const packageName: string = 'node-llama-cpp'
const options = JSON.parse(process.argv[2] ?? '{}') as LlamaOptions
const { getLlama }: Package = await import(packageName)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: options.threads, logLevel: 'error' })
const model = await llama.loadModel({ modelPath: options.file })
const contextSize = Math.max(...options.prompts.map(({ length }) => length)) + options.newTokens
const context = await model.createContext({ contextSize, threads: options.threads, sequences: 1 })
const sequence = context.getSequence()
// As drift: the nucleus alone cuts the distribution, and the end token counts as any other.
const sampling: Sampling = options.temperature === 0 ? { temperature: 0, yieldEogToken: true } : { temperature: options.temperature, topP: options.topP, topK: 0, minP: 0, seed: 1, yieldEogToken: true }
for (const prompt of options.prompts) {
  await sequence.clearHistory()
  const ids: number[] = []
  for await (const id of sequence.evaluate(prompt, sampling)) if (ids.push(id) === options.newTokens) break
  process.stdout.write(`${JSON.stringify({ completion_ids: ids })}\n`)
}
await llama.dispose()
