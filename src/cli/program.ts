/**
 * The `drift` program: which verbs there are. A verb's own module is loaded when it is asked for, so that
 * `drift doctor` does not pay for the engine.
 */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { registerHostVerbs } from './host-verbs.ts'
import { registerTorchVerbs } from './torch-verbs.ts'

const hostVerbs = ['doctor', 'serve', 'open', 'engine']
const engineVerbs = ['tokenize', 'score', 'inspect', 'sample', 'train']

/** The program with all verbs, or with the family of the one that is asked for. */
export async function buildProgram(verb?: string): Promise<Command> {
  const program = new Command('drift').description('DRIFT Workbench: learning from user dissatisfaction').version(version()).exitOverride()
  program.configureOutput({ outputError: (text, write) => write(`drift: ${oneLine(text.replace(/^error: /, ''))}\n`) })
  const known = (verbs: string[]) => verb !== undefined && verbs.includes(verb)
  if (!known(engineVerbs)) {
    registerHostVerbs(program)
    registerTorchVerbs(program)
  }
  if (!known(hostVerbs)) {
    const { registerEngineVerbs } = await import('./engine-verbs.ts')
    registerEngineVerbs(program)
  }
  if (!known(hostVerbs) && !known(engineVerbs)) {
    const { registerWorkspaceVerbs } = await import('./workspace-verbs.ts')
    registerWorkspaceVerbs(program)
  }
  for (const command of verbsBelow(program)) ensureJsonOption(command)
  return program
}

/** The commands that do something, those of groups (`dataset build`) included. */
export function verbsBelow(command: Command): Command[] {
  return command.commands.flatMap((child) => (child.commands.length > 0 ? verbsBelow(child) : [child]))
}

export const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, ' ')

/** A verb whose output is JSON anyway need not say so itself. */
function ensureJsonOption(command: Command): void {
  if (!command.options.some((option) => option.long === '--json')) command.option('--json', 'machine output alone on stdout')
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
}
