/** A command whose failure is told in words that say what to do. */
import { spawn } from 'node:child_process'
import { UsageError } from '../../shared/errors.ts'

/** Lines of output kept for an error. */
const KEPT_LINES = 40

export type Command = { command: string; args: string[]; env?: NodeJS.ProcessEnv; signal?: AbortSignal; timeoutMs?: number }
export type Outcome = { code: number | null; stdout: string; stderr: string }

/** @returns how it ended; rejects where it cannot be started, was aborted or took too long. */
export async function runCommand({ command, args, env, signal, timeoutMs }: Command): Promise<Outcome> {
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...(env && { env }), stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = lastLines(stderr + text)))
    // A half-written package is found and replaced by the next installation.
    const abort = (): void => void child.kill('SIGKILL')
    signal?.addEventListener('abort', abort, { once: true })
    let late = false
    const limit = timeoutMs === undefined ? undefined : setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, timeoutMs)
    const end = (): void => {
      clearTimeout(limit)
      signal?.removeEventListener('abort', abort)
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      end()
      reject(new UsageError(`expected to start ${command}, got ${error.code === 'ENOENT' ? 'no such program' : error.message}`))
    })
    child.on('close', (code) => {
      end()
      if (signal?.aborted) reject(signal.reason as Error)
      else if (late) reject(new Error(`${command} did not answer within ${Math.round(timeoutMs! / 1000)} s`))
      else resolve({ code, stdout, stderr })
    })
  })
}

const lastLines = (text: string): string => text.split('\n').slice(-KEPT_LINES).join('\n')

/** What an installer's complaint means. The order matters: a full disk is reported beside other things. */
const CAUSES: { sign: RegExp; says: string }[] = [
  { sign: /no space left|errno 28|not enough space|disk quota/i, says: 'the disk is full. Free some space and start it again: what is installed already stays' },
  { sign: /ensurepip|no module named '?venv/i, says: "this Python has no venv module. Install it (Debian and Ubuntu: apt install python3-venv), or install uv, or give another Python with --python" },
  { sign: /do not match the hashes|hash mismatch/i, says: 'a package is not the one that the lock names. Ask whoever runs the package mirror; nothing of it was installed' },
  { sign: /failed to establish|name resolution|connection (?:error|refused|reset)|max retries|dns error|error sending request|timed? ?out|network is unreachable|proxyerror|from versions: none|certificate/i, says: "the packages could not be fetched. Check the network and pip's settings (proxy, mirror), then start it again: what is installed already stays" },
  { sign: /requires-python|requires a different python|no matching distribution|not a supported wheel/i, says: 'there is no package for this Python. Give another one with --python, or install uv' },
]

/** One sentence of what went wrong with `what`, and the installer's last words. */
export function explainFailure(what: string, { code, stdout, stderr }: Outcome): string {
  const output = `${stdout}\n${stderr}`
  const cause = CAUSES.find(({ sign }) => sign.test(output))
  const lines = (stderr.trim() || stdout.trim()).split('\n').map((line) => line.trim()).filter((line) => line !== '' && !/^(?:\[notice\]|hint:|WARNING: Retrying)/i.test(line))
  const last = (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? `exit code ${code}`).slice(0, 300)
  return `${what}: ${cause?.says ?? 'it failed'} (${last})`
}
