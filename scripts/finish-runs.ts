/** Runs that a script wants done: started where they are missing, resumed where they stopped. */
import { isDeepStrictEqual } from 'node:util'
import { parse, stringify } from 'yaml'
import type { Backend } from '../src/backend/index.ts'
import type { Run } from '../src/shared/types.ts'

export type Planned = { name: string; group: string; recipe: Record<string, unknown> }

/** @returns the runs by name. Those of `first` come first: the others reuse the stages they made. @throws where one fails, or where one of that name has another recipe. */
export async function finishRuns(backend: Backend, plan: readonly Planned[], first: (run: Planned) => boolean, tell: (done: number) => void): Promise<Map<string, Run>> {
  const done = new Map<string, Run>()
  for (const wave of [plan.filter(first), plan.filter((run) => !first(run))]) {
    const present = await backend.call('runs.list', {})
    const ids = new Map<string, string>()
    for (const { name, group, recipe } of wave) {
      const before = present.find((run) => run.group === group && run.name === name)
      if (before !== undefined && !isDeepStrictEqual(parse((await backend.call('runs.get', { id: before.id })).yaml), recipe)) throw new Error(`${before.id} (${name}): its recipe is not the one wanted now; expected ${JSON.stringify(recipe)}. Give it another group, or begin in another folder`)
      if (before === undefined) ids.set(name, (await backend.call('runs.start', { yaml: stringify(recipe, { lineWidth: 0 }), name, group })).id)
      else if (before.status !== 'done') ids.set(name, (await backend.call('runs.resume', { id: before.id })).id)
      else done.set(name, before)
    }
    let told = done.size
    while (ids.size > 0) {
      await new Promise((wake) => setTimeout(wake, 500))
      for (const run of await backend.call('runs.list', {})) {
        if (ids.get(run.name) !== run.id) continue
        if (['failed', 'cancelled', 'interrupted', 'paused'].includes(run.status)) throw new Error(`${run.id} ended as ${run.status}: ${run.error ?? 'no error'}. Start again to go on`)
        if (run.status === 'done') {
          done.set(run.name, run)
          ids.delete(run.name)
        }
      }
      if (done.size > told) tell((told = done.size))
    }
  }
  return done
}
