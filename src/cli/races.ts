/** `drift race`: declares a race and looks after its runs until all are done. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { writeReport } from '../backend/api/comparisons.ts'
import { readComparison } from '../backend/comparisons/read-comparison.ts'
import { readRaceFile, type RecipeText } from '../backend/race-plan.ts'
import { isLeftOut } from '../backend/race-sweep.ts'
import { checkRace, continueRace, startRace } from '../backend/races.ts'
import { presetNamed } from '../backend/recipe-presets.ts'
import { requireRun } from '../backend/storage/runs.ts'
import { appVersion } from '../backend/version.ts'
import { raceWords } from '../core/estimate-words.ts'
import { declaredWords } from '../shared/comparison.ts'
import { findSweep } from '../backend/storage/races.ts'
import { REGIME_WORDS, settingWords, type StartedRace } from '../shared/race.ts'
import type { Run } from '../shared/types.ts'
import { UsageError } from '../shared/errors.ts'
import { comparisonTable } from './comparison-table.ts'
import { Interrupted, interruption } from './interruption.ts'
import { readRecipeFile } from './recipe-text.ts'
import type { RaceOptions } from './run-verbs.ts'
import { withSupervisor } from './runs.ts'

export async function runRace(file: string, options: RaceOptions): Promise<void> {
  if (!existsSync(file)) throw new UsageError(`race: expected a YAML file, found nothing at ${file}`)
  const race = readRaceFile(readFileSync(file, 'utf8'))
  await withSupervisor(options.workspace, async ({ workspace, supervisor, line }) => {
    const textOf: RecipeText = (name) => {
      const preset = presetNamed(name)
      if (preset !== null) return preset
      const beside = join(dirname(file), name)
      return readRecipeFile(existsSync(beside) ? beside : join(workspace.recipes, basename(name)))
    }
    if (options.check) {
      const check = checkRace(race, textOf, workspace)
      if (options.json) console.log(JSON.stringify(check))
      else if (check.issues.length === 0) console.log(`${check.methods.join(', ')}; ${REGIME_WORDS[race.regime]}; ${raceWords(check)}`)
      else for (const { path, message } of check.issues) console.log(`${path}: ${message}`)
      if (check.issues.length > 0) throw new UsageError(`race ${race.name}: ${check.issues.length} ${check.issues.length === 1 ? 'issue' : 'issues'}; nothing was started`)
      return
    }
    const again = `\`drift race ${file} --workspace ${workspace.path}\` goes on`
    /** Waits for what was queued; a setting that a sweep leaves out is no failure. */
    const finish = async ({ runs }: StartedRace, leaves: (run: Run) => boolean): Promise<Run[]> => {
      const interrupted = interruption()
      const pause = (): void => {
        process.stderr.write('\npausing after the present unit of work …\n')
        for (const { id } of runs) if (['queued', 'running'].includes(requireRun(workspace.db, id).status)) supervisor.pause(id)
      }
      if (interrupted.aborted) pause()
      else interrupted.addEventListener('abort', pause, { once: true })
      const ended = await Promise.all(runs.map(({ id }) => supervisor.wait(id)))
      interrupted.removeEventListener('abort', pause)
      line.end()
      const open = ended.filter((run) => run.status !== 'done' && !leaves(run))
      if (open.length > 0 && open.every(({ status }) => status === 'paused')) throw new Interrupted(`paused; ${again}`)
      if (open.length > 0) throw new Error(`race ${race.name}: ${open.map(({ id, status, error }) => `${id} ended as ${status}${error ? ` (${error})` : ''}`).join('; ')}; ${again}`)
      return ended
    }
    let started = startRace(race, textOf, workspace, supervisor)
    process.stderr.write(`race ${race.name}: ${race.members.length * race.seeds.length} runs, ${REGIME_WORDS[race.regime]}; declared: ${race.declared.pairs.map(([a, b]) => `${a} minus ${b}`).join(', ')} in ${declaredWords(race.declared)}\n`)
    if (race.sweep !== undefined && findSweep(workspace.db, race.name) === null) {
      process.stderr.write(`sweep first: ${started.runs.length} runs on ${race.sweep.dataset}\n`)
      await finish(started, isLeftOut)
      started = continueRace(race.name, textOf, workspace, supervisor)
    }
    const sweep = findSweep(workspace.db, race.name)
    if (sweep !== null) process.stderr.write(`sweep: ${sweep.methods.map(({ method, cells, chosen }) => `${method} takes ${settingWords(cells[chosen!]!.setting)}`).join('; ')}\n`)
    const ended = await finish(started, () => false)
    const { comparison } = readComparison(workspace.db, { group: race.name })
    const report = writeReport(workspace, { group: race.name }, appVersion)
    if (options.json) console.log(JSON.stringify({ race: race.name, runs: ended.map(({ id }) => id), report, sweep, comparison }))
    else console.log(`${comparisonTable(comparison)}\nreport ${report}`)
  })
}
