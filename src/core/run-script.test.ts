import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recipeSchema } from '../shared/recipe.ts'
import { runScript } from './run-script.ts'

const NAME = "Ana's run, seed 2"

describe.skipIf(process.platform === 'win32')('a run as a shell script', () => {
  let folder: string
  const written = (): string => readFileSync(join(folder, 'log'), 'utf8')
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drift-script-'))
    // Stands for drift: knows the run that was started, takes its time over it, pauses when told to.
    writeFileSync(join(folder, 'drift'), `#!/usr/bin/env bash
log=${folder}/log
if [ "$1" = runs ]; then if [ -f "$log" ]; then echo '{"runs":[{"id":"other","name":"x"},{"id":"run-7","name":"'"Ana's run, seed 2"'"}]}'; else echo '{"runs":[]}'; fi; exit 0; fi
printf '%s|' "$@" >> "$log"; echo >> "$log"
trap 'echo paused >> "$log"; exit 130' TERM
for i in $(seq "\${FAKE_TENTHS:-1}"); do sleep 0.1; done
`)
    chmodSync(join(folder, 'drift'), 0o755)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const recipe = recipeSchema.parse({ recipe: 'drift', model_name_or_path: 'models/base', dataset: 'feedback', engine: 'torch', device: 'cuda', torch: { num_processes: 4 } })
  const script = (slurm: boolean): string => {
    const file = join(folder, 'job.sh')
    writeFileSync(file, runScript({ recipe, file: `/recipes/${NAME}.yaml`, workspace: '/data/my workspace', name: NAME, slurm }))
    return file
  }
  const env = (tenths = 1): NodeJS.ProcessEnv => ({ ...process.env, DRIFT: join(folder, 'drift'), FAKE_TENTHS: String(tenths) })

  it('starts the run, and started again goes on with it', () => {
    const file = script(false)
    expect(spawnSync('bash', [file], { env: env() }).status).toBe(0)
    expect(written()).toBe(`run|/recipes/${NAME}.yaml|--name|${NAME}|--workspace|/data/my workspace|--json|\n`)
    expect(spawnSync('bash', [file], { env: env() }).status).toBe(0)
    expect(written().split('\n')[1]).toBe('resume|run-7|--workspace|/data/my workspace|--json|')
  })

  it('lets the run pause when the job is told to end', async () => {
    const child = spawn('bash', [script(false)], { env: env(100) })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    while (!/run\|/.test(readable(join(folder, 'log')))) await new Promise((done) => setTimeout(done, 50))
    child.kill('SIGTERM')
    expect(await ended).toBe(130)
    expect(written()).toContain('paused')
  })

  it('asks SLURM for one node with as many GPUs as the recipe has processes', () => {
    const file = script(true)
    expect(spawnSync('bash', ['-n', file]).status).toBe(0)
    const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('#SBATCH'))
    expect(lines).toEqual(expect.arrayContaining(['#SBATCH --nodes=1', '#SBATCH --gpus-per-node=4', '#SBATCH --job-name=Ana-s-run-seed-2']))
  })
})

function readable(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
