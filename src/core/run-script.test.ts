import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recipeSchema } from '../shared/recipe.ts'
import { runScript } from './run-script.ts'

const NAME = "Ana's run, seed 2"
const YAML = "recipe: drift\nimprove_instruction: 'now $(date) `better`'\n"

describe.skipIf(process.platform === 'win32')('a run as a shell script', () => {
  let folder: string
  let workspace: string
  const written = (): string => readFileSync(join(folder, 'log'), 'utf8')
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drift-script-'))
    workspace = join(folder, 'my workspace')
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
  const script = (slurm: boolean, machines = 1): string => {
    const file = join(folder, 'job.sh')
    writeFileSync(file, runScript({ recipe, yaml: YAML, workspace, name: NAME, slurm, machines }))
    return file
  }
  const env = (tenths = 1): NodeJS.ProcessEnv => ({ ...process.env, DRIFT: join(folder, 'drift'), FAKE_TENTHS: String(tenths) })

  it('starts the run, and started again goes on with it', () => {
    const file = script(false)
    expect(spawnSync('bash', [file], { env: env() }).status).toBe(0)
    expect(written()).toBe(`run|${workspace}/exports/Ana-s-run-seed-2.yaml|--name|${NAME}|--workspace|${workspace}|--json|\n`)
    expect(readFileSync(join(workspace, 'exports', 'Ana-s-run-seed-2.yaml'), 'utf8')).toBe(YAML)
    expect(spawnSync('bash', [file], { env: env() }).status).toBe(0)
    expect(written().split('\n')[1]).toBe(`resume|run-7|--workspace|${workspace}|--json|`)
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

  it('over two machines holds the run on the first, and lends it the processes of the second', () => {
    const file = script(false, 2)
    expect(spawnSync('bash', [file], { env: env() }).stderr.toString()).toContain('MASTER_ADDR: the address of the first machine')
    const onMachine = (machine: string): unknown => spawnSync('bash', [file], { env: { ...env(), MASTER_ADDR: '10.0.0.1', MACHINE: machine } }).status
    expect([onMachine('0'), onMachine('1')]).toEqual([0, 0])
    expect(written().split('\n').slice(0, 2)).toEqual([expect.stringMatching(/^run\|/), 'engine|join|torch|--processes|4|--machine|1|'])
  })

  it('asks SLURM for as many nodes, each with its share of the GPUs', () => {
    const file = script(true, 2)
    expect(spawnSync('bash', ['-n', file]).status).toBe(0)
    const text = readFileSync(file, 'utf8')
    expect(text.split('\n').filter((line) => line.startsWith('#SBATCH'))).toEqual(expect.arrayContaining(['#SBATCH --nodes=2', '#SBATCH --ntasks-per-node=1', '#SBATCH --gpus-per-node=2']))
    expect(text).toContain('for machine in $(seq 1); do srun --nodes=1 --ntasks=1 --relative="$machine" "${drift[@]}" engine join torch --processes 4 --machine "$machine" & done')
  })
})

function readable(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
