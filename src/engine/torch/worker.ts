/** One worker process of the torch engine: requests in order, and a clear end when it dies or speaks nonsense. */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { z } from 'zod'
import type { ProcessMemory } from '../engine.ts'
import { InputError } from '../input-error.ts'
import { PROTOCOL_VERSION, replySchema, results } from './protocol.ts'
import type { WorkerError } from './protocol.ts'

export type WorkerLaunch = { command: string; args: readonly string[]; env: NodeJS.ProcessEnv }
type Waiting = { id: number; method: string; resolve(result: unknown): void; reject(error: Error): void }

/** From a cold disk the packages may take a minute to read. */
const HELLO_MS = 300_000
/** torchrun says forty lines about a process that has ended, behind that one's own. */
const KEPT_LINES = 200
const SHOWN_LINES = 6

export class TorchWorker {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  private readonly waiting: Waiting[] = []
  private readonly lastLines: string[] = []
  private ended: Error | undefined
  private count = 0
  /** As the worker's last reply told it. */
  memory: ProcessMemory | null = null

  private constructor({ command, args, env }: WorkerLaunch) {
    // A process group of its own: Ctrl-C reaches whoever asks, which pauses; torchrun would end its ranks at once. It ends with
    // its pipe. On Windows a detached process gets a console window instead.
    this.child = spawn(command, args, { env, detached: process.platform !== 'win32', stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.on('error', error => this.fail(new InputError(`engine torch: expected to start ${command}, got ${error.message}; check DRIFT_PYTHON, or run \`drift engine install torch\``)))
    this.child.on('close', (code, signal) => this.fail(this.death(code, signal)))
    // What it has started would stay where it was killed.
    this.child.on('exit', () => this.kill())
    // A pipe that breaks is a worker that dies: `close` tells why.
    this.child.stdin.on('error', () => {})
    createInterface({ input: this.child.stdout }).on('line', line => this.receive(line))
    createInterface({ input: this.child.stderr }).on('line', line => {
      if (line.trim() === '') return
      this.lastLines.push(line)
      if (this.lastLines.length > KEPT_LINES) this.lastLines.shift()
    })
    this.hold(false)
  }

  /** @throws Error where it does not start, or speaks another version. */
  static async start(launch: WorkerLaunch, helloMs = HELLO_MS): Promise<{ worker: TorchWorker; hello: z.infer<typeof results.hello> }> {
    const worker = new TorchWorker(launch)
    const timer = setTimeout(() => worker.stop(new Error(worker.withLastLines(`engine torch: expected the worker to answer within ${helloMs / 1000} s, it did not; is the disk or machine overloaded?`))), helloMs)
    try {
      const hello = await worker.request('hello', {}, results.hello)
      if (hello.protocol !== PROTOCOL_VERSION) throw new Error(`engine torch: expected a worker of protocol ${PROTOCOL_VERSION}, got ${hello.protocol}; the app and its folder resources/torch-engine are of different versions: install the app again`)
      return { worker, hello }
    } catch (error) {
      worker.stop(error as Error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  get isAlive(): boolean {
    return this.ended === undefined
  }

  /** @throws InputError, or Error with the worker's last lines where it died. */
  async request<Schema extends z.ZodType>(method: string, params: Record<string, unknown>, schema: Schema): Promise<z.output<Schema>> {
    if (this.ended) throw this.ended
    const id = ++this.count
    const result = await new Promise<unknown>((resolve, reject) => {
      this.waiting.push({ id, method, resolve, reject })
      this.hold(true)
      this.child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
    })
    const parsed = schema.safeParse(result)
    if (parsed.success) return parsed.data
    const error = new Error(`engine torch: expected a reply to ${method} that fits the protocol, got ${JSON.stringify(result).slice(0, 120)}; install the app again`)
    this.stop(error)
    throw error
  }

  /** Ends the process and those it has started; whoever waits gets the reason. */
  stop(reason = new Error('engine torch: the worker was stopped')): void {
    this.fail(reason)
    this.kill()
  }

  /** As `stop`; resolves when it is gone, and with it what it held on a device. */
  async end(): Promise<void> {
    const isGone = this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined
    const gone = isGone ? undefined : new Promise(done => this.child.once('exit', done))
    this.stop()
    this.child.ref()
    await gone
  }

  /** The whole group, on Windows the process alone. torchrun's ranks are in groups of their own: they end with their pipe. */
  private kill(): void {
    this.child.stdin.destroy()
    try {
      if (this.child.pid !== undefined && process.platform !== 'win32') process.kill(-this.child.pid, 'SIGKILL')
      else this.child.kill('SIGKILL')
    } catch {
      // Nobody is left in it.
    }
  }

  private receive(line: string): void {
    const reply = replySchema.safeParse(parseJson(line))
    const first = this.waiting[0]
    if (!reply.success || reply.data.id !== first?.id) {
      this.stop(new Error(this.withLastLines(`engine torch: expected ${first ? `the reply to ${first.method}` : 'nothing'} on the worker's stdout, got ${JSON.stringify(line.slice(0, 120))}; does something in this Python's start-up (sitecustomize, a .pth file) print?`)))
      return
    }
    this.waiting.shift()
    if (this.waiting.length === 0) this.hold(false)
    this.memory = reply.data.memory ?? this.memory
    if ('result' in reply.data) first.resolve(reply.data.result)
    else first.reject(this.toError(reply.data.error, first.method))
  }

  private toError({ kind, message }: WorkerError, method: string): Error {
    if (kind === 'input') return new InputError(message)
    if (kind === 'memory') return new Error(`engine torch: out of memory during ${method} (${message}); choose a smaller per_device_train_batch_size (gradient_accumulation_steps raised keeps the step the same), gradient_checkpointing: true, a smaller max_length or batch_size, dtype bfloat16, or LoRA (use_peft: true)`)
    return new Error(this.withLastLines(`engine torch: ${method} failed: ${message}`))
  }

  private death(code: number | null, signal: NodeJS.Signals | null): Error {
    const during = this.waiting[0] ? ` during ${this.waiting[0].method}` : ''
    const rank = firstLost(this.lastLines)
    if (rank === null) return new Error(this.withLastLines(`engine torch: the worker ${wayOfEnding(code, signal)}${during}`))
    const own = this.lastLines.flatMap(line => (line.startsWith(`[rank ${rank.local}] `) ? [line.slice(`[rank ${rank.local}] `.length)] : []))
    return new Error(withLines(`engine torch: process ${rank.local} of the run ${rank.exit < 0 ? wayOfEnding(null, signalName(-rank.exit)) : wayOfEnding(rank.exit, null)}${during}`, own))
  }

  private withLastLines(message: string): string {
    return withLines(message, this.lastLines)
  }

  private fail(error: Error): void {
    this.ended ??= error
    for (const { reject } of this.waiting.splice(0)) reject(this.ended)
    this.hold(false)
  }

  /** An idle worker does not keep this process alive; it ends when its pipe does. */
  private hold(isBusy: boolean): void {
    for (const handle of [this.child, this.child.stdin as Socket, this.child.stdout as Socket, this.child.stderr as Socket]) {
      if (isBusy) handle.ref()
      else handle.unref()
    }
  }
}

function wayOfEnding(code: number | null, signal: string | null): string {
  return signal ? `was ended by ${signal}${signal === 'SIGKILL' ? ' (often: the system was out of memory)' : ''}` : `ended with code ${code}`
}

const signalName = (number: number): string => Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`

/** Which process ended first, as torchrun tells it: the others are ended for that. Null where there is no torchrun. */
function firstLost(lines: readonly string[]): { local: number; exit: number } | null {
  const found = lines.map(line => /failed \(exitcode: (-?\d+)\) local_rank: (\d+)/.exec(line)).find(match => match !== null)
  return found ? { local: Number(found[2]), exit: Number(found[1]) } : null
}

/** What a worker's own words mean. */
const CAUSES: { sign: RegExp; says: string }[] = [
  { sign: /no space left|storagefull|errno 28|disk quota/i, says: 'the disk is full: free some space and resume the run, what was finished is kept' },
  { sign: /\bnccl\b/i, says: 'the GPUs could not talk to each other (NCCL): check that all of them are there (nvidia-smi) and resume the run; NCCL_DEBUG=INFO makes it say more, NCCL_SOCKET_IFNAME names the network interface' },
  { sign: /\bgloo\b/i, says: 'the processes could not talk to each other (gloo): resume the run; GLOO_SOCKET_IFNAME names the network interface' },
]

function withLines(message: string, lines: readonly string[]): string {
  const last = lines.slice(-SHOWN_LINES).map(line => line.trim()).join(' | ')
  const cause = CAUSES.find(({ sign }) => sign.test(`${message} ${last}`))
  return [message, ...(cause ? [cause.says] : []), ...(last === '' ? [] : [`its last lines: ${last}`])].join('; ')
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
