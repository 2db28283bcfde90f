/**
 * Whether WebGPU may be used here: an adapter is there, and a training step on it equals the CPU's. Tried in a process
 * of its own, once per machine, driver and version of the graphs; a refusal says why, nothing else is used instead.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir, release } from 'node:os'
import { extname, join } from 'node:path'
import type { ProbeAnswer, ProbeRequest } from './device-probe.ts'
import { InputError } from './input-error.ts'
import { SELF_TEST_TOLERANCE, selfTestVersion } from './self-test.ts'
import type { SelfTestResult } from './self-test.ts'

const ADAPTER_TIMEOUT_MS = 20_000
/** A software adapter compiles some 60 shaders in about 10 s; drivers may be slow the first time. */
const SELF_TEST_TIMEOUT_MS = 180_000
/** Not every driver's version can be seen from here, so a passed test does not count for ever. */
const KEPT_MS = 7 * 24 * 3_600_000

const CHOOSE_CPU = 'or choose device cpu'

/** Outcome of a probe; `detail` is for people. */
export type DeviceState = { ok: true; detail: string } | { ok: false; detail: string }

let passed: Promise<SelfTestResult> | undefined

/**
 * Resolves with the self-test's worst difference where WebGPU can be trusted.
 * @throws InputError where no adapter is found, the probe dies, or gradients differ by more than the tolerance.
 */
export async function requireWebGpu(): Promise<SelfTestResult> {
  passed ??= testWebGpu()
  try {
    return await passed
  } catch (error) {
    passed = undefined
    throw error
  }
}

/** Is there an adapter that computes? A second at most where there is none. Never rejects. */
export async function probeWebGpu(): Promise<DeviceState> {
  try {
    explain(await ask('adapter', ADAPTER_TIMEOUT_MS))
    const known = readPassed()
    return { ok: true, detail: `an adapter is here and computes; ${known ? `gradients equal the CPU's (worst relative error ${known.error.toExponential(1)})` : 'gradients are compared with the CPU\'s before its first use'}` }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}

async function testWebGpu(): Promise<SelfTestResult> {
  const known = readPassed()
  if (known) return known
  const result = explain(await ask('self-test', SELF_TEST_TIMEOUT_MS))
  if (!result) throw new Error('the self-test ended without a result')
  judgeSelfTest(result)
  keepPassed(result)
  return result
}

/** @throws InputError where the device's gradients are not the CPU's. */
export function judgeSelfTest({ tensor, error }: SelfTestResult): void {
  if (error <= SELF_TEST_TOLERANCE) return
  throw new InputError(`device webgpu: expected a training step to equal the CPU's within ${SELF_TEST_TOLERANCE}, got a relative error of ${error.toExponential(1)} (${tensor}); what it trains would be wrong. Update the graphics driver, ${CHOOSE_CPU}`)
}

function explain(answer: ProbeAnswer): SelfTestResult | undefined {
  if (answer.found) return answer.selfTest
  const advice = process.platform === 'linux' ? 'install the Vulkan loader (libvulkan1) and the graphics driver\'s Vulkan part' : 'install the graphics driver'
  throw new InputError(`device webgpu: expected a graphics adapter that WebGPU can use, found none (${answer.reason}); ${advice}, ${CHOOSE_CPU}`)
}

/** Runs `device-probe`, which lies beside this file from source and in the bundle. */
function ask(request: ProbeRequest, timeoutMs: number): Promise<ProbeAnswer> {
  const script = join(import.meta.dirname, `device-probe${extname(import.meta.filename)}`)
  return new Promise((resolve, reject) => {
    // Under Electron the executable is Node only when told so.
    execFile(process.execPath, [script, request], { timeout: timeoutMs, killSignal: 'SIGKILL', env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' }, windowsHide: true }, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? ''
      if (line.startsWith('{')) {
        const answer = JSON.parse(line) as ProbeAnswer
        return resolve(answer.found ? answer : { found: false, reason: firstReason(answer.reason, stderr) })
      }
      const why = error?.killed ? `did not end within ${timeoutMs / 1000} s` : error?.signal ? `was ended by ${error.signal}` : `ended with code ${error?.code ?? 0}`
      reject(new InputError(`device webgpu: expected the ${request} probe to end well, but it ${why}${stderr.trim() ? ` (${lastLine(stderr)})` : ''}; update the graphics driver, ${CHOOSE_CPU}`))
    })
  })
}

/** onnxruntime names its source file first and the reason last; what the loader could not open is on stderr. */
function firstReason(message: string, stderr: string): string {
  const reason = message.split('\n')[0]?.replace(/^.*was false\. /, '').replace(/; inputs .*$/, '').trim() ?? ''
  const loader = /Couldn't load Vulkan: [^\n]+/.exec(stderr)?.[0]
  return loader ? `${reason}: ${loader}` : reason
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? ''
}

type Kept = SelfTestResult & { at: number }

function readPassed(): SelfTestResult | undefined {
  try {
    const { tensor, error, at } = JSON.parse(readFileSync(cacheFile(), 'utf8')) as Kept
    return typeof tensor === 'string' && error <= SELF_TEST_TOLERANCE && Date.now() - at < KEPT_MS ? { tensor, error } : undefined
  } catch {
    // None yet, or not readable: the test is run.
    return undefined
  }
}

function keepPassed(result: SelfTestResult): void {
  const file = cacheFile()
  try {
    mkdirSync(cacheFolder(), { recursive: true })
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, JSON.stringify({ ...result, at: Date.now() } satisfies Kept))
    renameSync(draft, file)
  } catch (error) {
    console.error(`the WebGPU self-test's result is not kept and will be run again: ${(error as Error).message}`)
  }
}

/** `DRIFT_HOME`, else the platform's place for what may be deleted at any time. */
function cacheFolder(): string {
  const { env, platform } = process
  if (env.DRIFT_HOME) return join(env.DRIFT_HOME, 'cache')
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'drift-workbench', 'cache')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'drift-workbench')
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drift-workbench')
}

/** One file per adapter (as far as the system names it), onnxruntime and version of our graphs. */
function cacheFile(): string {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  const key = createHash('sha256').update(JSON.stringify([version, selfTestVersion(), process.platform, process.arch, release(), ...graphics()])).digest('hex').slice(0, 32)
  return join(cacheFolder(), `webgpu-${key}.json`)
}

/** onnxruntime does not say which adapter it took; on Linux the kernel names the cards, and the loader can be told drivers. */
function graphics(): string[] {
  const chosen = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES', 'DRI_PRIME'].map(name => process.env[name] ?? '')
  if (process.platform !== 'linux') return chosen
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'utf8').trim()
    } catch {
      return ''
    }
  }
  const drm = '/sys/class/drm'
  let cards: string[] = []
  try {
    cards = readdirSync(drm).filter(name => /^card\d+$/.test(name)).sort()
  } catch {
    // No graphics card, or none that the kernel shows.
  }
  return [...chosen, ...cards.flatMap(card => [read(join(drm, card, 'device', 'vendor')), read(join(drm, card, 'device', 'device'))]), read('/proc/driver/nvidia/version')]
}
