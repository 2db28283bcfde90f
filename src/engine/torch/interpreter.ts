/** Which Python runs the torch engine, and where the app keeps an environment of its own. */
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { InputError } from '../input-error.ts'

/** What `drift engine install torch` left behind: `own` is the environment it made, otherwise somebody else's. */
export type RecordedPython = { python: string; own: boolean }

/** The Python package and the locks, as they are shipped. */
export const TORCH_RESOURCES: string = join(import.meta.dirname, '..', '..', '..', 'resources', 'torch-engine')

const HOW = '`drift engine install torch` makes one (`--dry-run` says how large), `drift engine install torch --python PATH` takes one that is here'

/** `DRIFT_HOME`, else the platform's place for an application's large files; the torch engine's folder in it. */
export function torchFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string {
  if (env['DRIFT_HOME']) return join(env['DRIFT_HOME'], 'torch')
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'drift-workbench', 'torch')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'drift-workbench', 'torch')
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'drift-workbench', 'torch')
}

export const recordFile = (env: NodeJS.ProcessEnv): string => join(torchFolder(env), 'interpreter.json')

/** Null where nothing was installed. @throws InputError where the record cannot be read. */
export function recordedPython(env: NodeJS.ProcessEnv): RecordedPython | null {
  const file = recordFile(env)
  if (!existsSync(file)) return null
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<RecordedPython>
    if (typeof value.python === 'string' && typeof value.own === 'boolean') return { python: value.python, own: value.own }
  } catch {
    // Said below.
  }
  throw new InputError(`torch engine: expected {python, own} in ${file}, got something else; \`drift engine repair torch\` writes it again`)
}

/** `DRIFT_PYTHON`, else the recorded one. @throws InputError saying how to get one. */
export function torchPython(env: NodeJS.ProcessEnv): string {
  const chosen = env['DRIFT_PYTHON']
  if (chosen) {
    if (isAbsolute(chosen) && !existsSync(chosen)) throw new InputError(`torch engine: expected a Python at DRIFT_PYTHON, found nothing at ${chosen}; correct or unset it. ${HOW}`)
    return chosen
  }
  const recorded = recordedPython(env)
  if (recorded === null) throw new InputError(`torch engine: expected a Python with torch, none is set up; ${HOW}, and DRIFT_PYTHON names one for a single command`)
  if (!existsSync(recorded.python)) throw new InputError(`torch engine: expected a Python at ${recorded.python}, it is gone; ${recorded.own ? '`drift engine repair torch` makes it again' : HOW}`)
  return recorded.python
}
