/** A whole DRIFT iteration (sample, build, score the reference, train) beside a script on transformers and TRL. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Figure, median } from './figure.ts'
import { alternate, eventSeconds, measureProcess, measureScript, type MeasuredRun, objectsOf, THREADS } from './measured-process.ts'
import { type Message, modelFolder, Texts, writeRows } from './models.ts'
import { peerPython, peerVersions } from './peers/environment.ts'

/** `guided`: what the policy is shown when it samples, the disliked reply and the user's words included. */
export type IterationRow = { prompt: Message[]; rejected: Message[]; guided: Message[] }
export type IterationOptions = { model: string; data: string; output: string; newTokens: number; temperature: number; topP: number; batch: number; sampleBatch: number; learningRate: number; threads: number }

const ROWS = 24
const FEEDBACK_TOKENS = 24

export async function* measureIteration({ rounds }: { rounds: number }): AsyncGenerator<Figure> {
  const python = await peerPython()
  console.log(`  ${peerVersions(python)}; ${THREADS} threads; ${rounds} rounds`)
  const model = await modelFolder('smollm2-135m')
  const data = writeRows('feedback.jsonl', feedbackRows())
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    // 16 is what suits transformers' generate best here (npm run bench -- sample tries 8, 16 and 32).
    const options: IterationOptions = { model, data, output: folder, newTokens: 128, temperature: 0.7, topP: 0.9, batch: 4, sampleBatch: 16, learningRate: 5e-7, threads: THREADS }
    const { ours, peer } = await alternate(rounds, () => measureScript('ours/iteration.ts', options), () => measureProcess(python, [join(import.meta.dirname, 'peers', 'iteration.py'), JSON.stringify(options)]))
    const seconds = { ours: median(ours.map(total)), peer: median(peer.map(total)) }
    yield { name: `one iteration, ${ROWS} prompts`, measured: seconds.peer / seconds.ours, atMost: null, atLeast: 4, unit: 'x', detail: `${describe(ours)}; transformers + TRL ${describe(peer)}; SmolLM2-135M shape, loading included` }
    const peak = (runs: MeasuredRun[]): number => median(runs.map(({ peakBytes }) => peakBytes)) / 1e6
    yield { name: 'one iteration: peak memory', measured: peak(ours) / peak(peer), atMost: null, unit: 'x', detail: `${peak(ours).toFixed(0)} MB; transformers + TRL ${peak(peer).toFixed(0)} MB` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const total = (run: MeasuredRun): number => eventSeconds(run, 'trained') - eventSeconds(run, 'start')

function describe(runs: MeasuredRun[]): string {
  const sampling = median(runs.map((run) => eventSeconds(run, 'sampled') - eventSeconds(run, 'start')))
  const tokens = (event: string): number => median(runs.map((run) => Number(objectsOf(run).find(({ value }) => value.event === event)?.value.tokens)))
  return `${median(runs.map(total)).toFixed(1)} s (sampling ${sampling.toFixed(1)} s for ${tokens('sampled')} tokens, the rest for ${tokens('trained')} tokens of pairs)`
}

function feedbackRows(): IterationRow[] {
  const texts = new Texts(3)
  return Array.from({ length: ROWS }, () => {
    const prompt: Message[] = [{ role: 'user', content: texts.text(120) }]
    const rejected: Message[] = [{ role: 'assistant', content: texts.text(texts.between(64, 256)) }]
    return { prompt, rejected, guided: [...prompt, ...rejected, { role: 'user', content: texts.text(FEEDBACK_TOKENS) }] }
  })
}
