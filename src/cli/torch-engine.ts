/** What the engine verbs do. Results go to stdout; progress goes to stderr. */
import { spawn } from 'node:child_process'
import { progressRate } from '../backend/progress-rate.ts'
import { installTorch, planTorch } from '../backend/torch/environment.ts'
import { adoptPython, removeTorch, torchState } from '../backend/torch/interpreter-state.ts'
import { checkParity } from '../backend/torch/parity.ts'
import { bytesInWords, describeDevice, describeOptional, describeParity, describePlan, describeVersions } from '../core/torch-words.ts'
import { launchOf } from '../engine/torch/engine.ts'
import { torchPython } from '../engine/torch/interpreter.ts'
import type { TorchCapabilities } from '../shared/engines.ts'
import { print } from './data-verbs.ts'
import { interruption } from './interruption.ts'
import { jobLine } from './job-line.ts'
import type { JoinOptions, ParityOptions, TorchOptions } from './torch-verbs.ts'

export async function installEngine({ python, dryRun, json }: TorchOptions): Promise<void> {
  const env = process.env
  if (python !== undefined) return tell(await adoptPython(python, env, interruption()), json)
  const plan = await planTorch(env, interruption())
  if (dryRun) {
    if (json) print(plan)
    else console.log(describePlan(plan).join('\n'))
    return
  }
  process.stderr.write(`${describePlan(plan).join('\n')}\n`)
  const line = jobLine(process.stderr)
  const rate = progressRate()
  const megabytes = (bytes: number): number => Math.round(bytes / 1e6)
  try {
    const capabilities = await installTorch({
      env,
      signal: interruption(),
      onProgress: ({ stage, done, total }) => line.show({ id: '', kind: 'engine', title: 'torch engine (MB)', status: 'running', stage, done: megabytes(done), total: megabytes(total), perSecond: null, etaSeconds: rate(done, total).etaSeconds, runId: null, error: null }),
    })
    line.end()
    tell(capabilities, json)
  } finally {
    line.end()
  }
}

function tell(capabilities: TorchCapabilities, json: true | undefined): void {
  const python = torchPython(process.env)
  if (json) print({ python, ...capabilities })
  else console.log([`the torch engine is ready: ${python}`, describeVersions(capabilities), describeOptional(capabilities), ...capabilities.devices.map(describeDevice)].join('\n'))
}

export async function listEngine({ json }: TorchOptions): Promise<void> {
  const state = await torchState(process.env)
  if (json) return print(state)
  const { from, python, capabilities, problem, folder, bytes } = state
  const origin = { none: 'not set up: drift engine install torch --dry-run says what it takes', own: `the app's environment, ${bytesInWords(bytes)} in ${folder}`, pointed: 'an interpreter that was named', environment: 'DRIFT_PYTHON' }[from]
  console.log([`torch   ${origin}`, ...(python === null ? [] : [`python  ${python}`]), ...(capabilities === null ? [] : [describeVersions(capabilities), describeOptional(capabilities), ...capabilities.devices.map(describeDevice)]), ...(problem === null ? [] : [`problem ${problem}`])].join('\n'))
}

export async function removeEngine({ json }: TorchOptions): Promise<void> {
  const { removed, bytes } = await removeTorch(process.env)
  if (json) print({ removed, bytes })
  else console.log(removed === null && bytes === 0 ? 'the torch engine was not set up' : `${removed ?? 'an unfinished environment'} is forgotten, ${bytesInWords(bytes)} freed`)
}

/** Ends as torchrun ends here: by itself when the run's first process has gone. */
export async function joinEngine({ processes, machine }: JoinOptions): Promise<void> {
  const { command, args, env } = launchOf({ num_processes: processes }, process.env, machine)
  const child = spawn(command, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  interruption().addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0) throw new Error(`engine join: machine ${machine}'s processes ended with code ${code}; the reason stands above, or at the run on the first machine`)
}

export async function compareEngines({ model, device, json }: ParityOptions): Promise<void> {
  process.stderr.write(`comparing both engines on ${model}\n`)
  const report = await checkParity({ model, device }, null, process.env, interruption())
  const rows = report.figures.map(({ name, difference, tolerance }) => `${name.padEnd(10)} ${(difference?.toExponential(1) ?? 'no number').padEnd(10)} at most ${tolerance}`)
  if (json) print(report)
  else console.log([`${report.torch}, on ${device}, beside embedded ${report.embedded}`, ...rows, describeParity(report)].join('\n'))
  if (!report.agrees) process.exitCode = 1
}
