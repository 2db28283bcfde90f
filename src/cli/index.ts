/**
 * The `drift` command. Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted. An error is one
 * line on stderr, with its stack under DRIFT_DEBUG.
 */
import { CommanderError } from 'commander'
import { Interrupted, listenForInterruption } from './interruption.ts'
import { buildProgram, oneLine } from './program.ts'

listenForInterruption()
// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

let exitCode: number
try {
  const program = await buildProgram(process.argv[2])
  await program.parseAsync()
  exitCode = Number(process.exitCode ?? 0)
} catch (error) {
  exitCode = reportedExitCode(error)
}
// Native threads must not keep a finished command alive; what was printed is taken first.
await new Promise((resolve) => process.stdout.write('', resolve))
process.exit(exitCode)

function reportedExitCode(error: unknown): number {
  // Commander has printed its own message; help that was asked for is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof Interrupted || (error instanceof Error && error.name === 'AbortError')) return 130
  process.stderr.write(`drift: ${oneLine(error instanceof Error ? error.message : String(error))}\n`)
  if (process.env['DRIFT_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  const own = error instanceof Error && 'exitCode' in error ? error.exitCode : 1
  return typeof own === 'number' ? own : 1
}
