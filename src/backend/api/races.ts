import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import { supervisorOf } from '../jobs/supervisor.ts'
import { checkRace, readRaceFile, type RecipeText, startRace } from '../races.ts'
import { NAMED_PRESETS, presetNamed } from '../recipe-presets.ts'
import type { Session } from '../session.ts'
import { listRaces } from '../storage/races.ts'

/** As `runs.recipes` names them. */
function recipeText(folder: string): RecipeText {
  return (name) => {
    const preset = presetNamed(name)
    if (preset !== null) return preset
    try {
      return readFileSync(join(folder, basename(name)), 'utf8')
    } catch {
      throw new BackendError('not-found', `expected a recipe file in the workspace's recipes folder, or a preset (${NAMED_PRESETS.map(({ file }) => file).join(', ')}), got "${name}"`)
    }
  }
}

export function racesApi(session: Session) {
  const { workspace } = session
  const textOf = recipeText(workspace.recipes)
  return {
    'races.list': () => listRaces(workspace.db),
    'races.check': ({ yaml }) => checkRace(readRaceFile(yaml), textOf, workspace),
    'races.start': ({ yaml }) => startRace(readRaceFile(yaml), textOf, workspace, supervisorOf(session)),
  } satisfies Pick<Handlers, 'races.list' | 'races.check' | 'races.start'>
}
