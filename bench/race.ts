/**
 * What a race costs beyond its work: three methods of the quick built-in experiment in one lane, from the first start to
 * the last end, beside what their stages spent on sampling, training and evaluating. The rest is processes, journal,
 * hand-over and the probe.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { prepareDemo } from '../src/backend/demo/prepare.ts'
import { demoRecipe, FULL } from '../src/backend/demo/settings.ts'
import { openBackend } from '../src/backend/index.ts'
import { openWorkspace } from '../src/backend/storage/open.ts'
import { finishRuns } from '../scripts/finish-runs.ts'
import type { Figure } from './figure.ts'

const METHODS = ['drift', 'spin', 'iterative-dpo'] as const

export async function* measureRace({ seed }: { seed: number }): AsyncGenerator<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  const path = join(home, 'workspace')
  try {
    const workspace = openWorkspace(path)
    await prepareDemo(workspace, { seeds: [seed], size: FULL, methods: [] })
    workspace.close()
    const backend = await openBackend({ workspace: path, host: 'cli' })
    try {
      const plan = METHODS.map((method) => ({ name: method, group: 'race', recipe: parse(demoRecipe(method, seed, FULL)) as Record<string, unknown> }))
      const started = performance.now()
      const seconds: Record<string, number> = {}
      for (const one of plan) {
        const run = [...(await finishRuns(backend, [one], () => true, () => {})).values()][0]!
        for (const stage of (await backend.call('runs.get', { id: run.id })).stages) if (stage.reusedFrom === null) seconds[stage.kind] = (seconds[stage.kind] ?? 0) + stage.seconds!
      }
      const wall = (performance.now() - started) / 1000
      const work = Object.values(seconds).reduce((sum, one) => sum + one, 0)
      yield {
        name: 'three methods, one lane, over their stages', measured: wall / work, atMost: 1.1, unit: 'x',
        detail: `${wall.toFixed(1)} s in all, one run; ${Object.entries(seconds).map(([kind, of]) => `${kind} ${of.toFixed(1)}`).join(', ')} s`,
      }
    } finally {
      await backend.close()
    }
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}
