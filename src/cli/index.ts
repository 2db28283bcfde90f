/**
 * The `drift` command. Verbs are loaded when they are asked for, so that `drift doctor` does not pay for the
 * engine. Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted. An error is one line on stderr.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { Interrupted, listenForInterruption } from './interruption.ts'
import { registerHostVerbs } from './host-verbs.ts'

const hostVerbs = ['doctor', 'serve', 'open']
const engineVerbs = ['tokenize', 'score', 'sample', 'train']

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

/** The program with all verbs, or with the one family that `verb` belongs to. */
async function buildProgram(verb: string | undefined): Promise<Command> {
  const program = new Command('drift').description('DRIFT Workbench: learning from user dissatisfaction').version(version()).exitOverride().showHelpAfterError('(drift --help lists the verbs, drift VERB --help its options)')
  const known = (verbs: string[]) => verb !== undefined && verbs.includes(verb)
  if (!known(engineVerbs)) registerHostVerbs(program)
  if (!known(hostVerbs)) {
    const { registerEngineVerbs } = await import('./engine-verbs.ts')
    registerEngineVerbs(program)
  }
  if (!known(hostVerbs) && !known(engineVerbs)) {
    const { registerWorkspaceVerbs } = await import('./workspace-verbs.ts')
    registerWorkspaceVerbs(program)
  }
  for (const command of allCommands(program)) ensureJsonOption(command)
  return program
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)])
}

/** Every verb takes `--json`; a verb whose output is JSON anyway need not say so itself. */
function ensureJsonOption(command: Command): void {
  if (command.commands.length === 0 && !command.options.some((option) => option.long === '--json')) command.option('--json', 'machine output alone on stdout')
}

/** Prints what went wrong in one line (with its stack under DRIFT_DEBUG) and says how the program ends. */
function reportedExitCode(error: unknown): number {
  // Commander has printed its own message; help that was asked for is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof Interrupted || (error instanceof Error && error.name === 'AbortError')) return 130
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`drift: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`)
  if (process.env['DRIFT_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  const own = error instanceof Error && 'exitCode' in error ? error.exitCode : 1
  return typeof own === 'number' ? own : 1
}
