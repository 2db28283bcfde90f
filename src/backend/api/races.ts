import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Handlers } from '../../shared/contract.ts'
import { BackendError } from '../errors.ts'
import { supervisorOf } from '../jobs/supervisor.ts'
import { raceOfSweep } from '../../shared/race.ts'
import { keptTexts, readRaceFile, type RecipeText } from '../race-plan.ts'
import { readSweep, settleSweep } from '../race-sweep.ts'
import { checkRace, continueRace, startRace } from '../races.ts'
import { NAMED_PRESETS, presetNamed } from '../recipe-presets.ts'
import type { Session } from '../session.ts'
import { findRace, findSweep, listRaces } from '../storage/races.ts'
import { addLog } from '../storage/runs.ts'

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
  const { db } = workspace
  const textOf = recipeText(workspace.recipes)
  const supervisor = supervisorOf(session)
  // The last run of a sweep decides it and begins the race's own runs, whoever resumed that run.
  supervisor.onEnded((run) => {
    const name = run.group === null ? null : raceOfSweep(run.group)
    const race = name === null ? null : findRace(db, name)
    if (race?.sweep === undefined || findSweep(db, race.name) !== null) return
    try {
      if (settleSweep(db, race, keptTexts(db, race.name, textOf))?.decidedAt != null) continueRace(race.name, textOf, workspace, supervisor)
    } catch (error) {
      addLog(db, run.id, 'error', `race ${race.name} does not go on: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
  return {
    'races.list': () => listRaces(workspace.db),
    'races.check': ({ yaml }) => checkRace(readRaceFile(yaml), textOf, workspace),
    'races.start': ({ yaml }) => startRace(readRaceFile(yaml), textOf, workspace, supervisor),
    'races.continue': ({ name }) => continueRace(name, textOf, workspace, supervisor),
    'races.sweep': ({ name }) => {
      const race = findRace(db, name)
      return { sweep: race === null ? null : readSweep(db, race, keptTexts(db, name, textOf)) }
    },
  } satisfies Pick<Handlers, 'races.list' | 'races.check' | 'races.start' | 'races.continue' | 'races.sweep'>
}
