/** What can be done with runs of the table, or with the one of a page; what can be taken back says so. */
import { useRouter } from 'vue-router'
import type { RunMark } from '../../../shared/run-table.ts'
import type { Run } from '../../../shared/types.ts'
import { count } from '../../charts/format.ts'
import { useClient } from '../../client.ts'
import { useToasts } from '../../stores/toasts.ts'

export type RunChange = { mark: RunMark; on: boolean } | { tag: string; on: boolean }

/** @param changed told of runs that were changed, before the backend says so to all */
export function useRunActions(changed: (ids: string[], change: RunChange) => void) {
  const client = useClient()
  const router = useRouter()
  const toasts = useToasts()

  async function change(ids: readonly string[], what: RunChange, said: (n: string) => string, undoable = true): Promise<boolean> {
    try {
      const { changed: these } = 'mark' in what ? await client.call('runs.mark', { ids: [...ids], ...what }) : await client.call('runs.tag', { ids: [...ids], ...what })
      changed(these, what)
      if (undoable) toasts.done(said(runs(these.length)), these.length > 0 ? { action: { label: 'Undo', run: () => void change(these, { ...what, on: !what.on }, said, false) } } : {})
      return true
    } catch (error) {
      toasts.failed('No run was changed', error)
      return false
    }
  }
  const words = { archived: (on: boolean) => (n: string) => `${n} ${on ? 'archived' : 'back from the archive'}`, pinned: (on: boolean) => (n: string) => `${n} ${on ? 'pinned' : 'no longer pinned'}` }
  return {
    mark: (ids: readonly string[], mark: RunMark, on: boolean): Promise<boolean> => change(ids, { mark, on }, words[mark](on)),
    tag: (ids: readonly string[], tag: string, on: boolean): Promise<boolean> => change(ids, { tag, on }, (n) => `“${tag}” ${on ? 'put on' : 'taken off'} ${n}`),
    compare: (ids: readonly string[]): void => void router.push({ path: '/compare', query: { run: [...ids] } }),
    /** Its recipe on the page of a new run. */
    edit: ({ id }: Run): void => void router.push({ path: '/runs', query: { new: '1', from: id } }),
    /** The same recipe once more, as a run of its own. */
    async again({ id, name, group }: Run): Promise<void> {
      try {
        const { yaml } = await client.call('runs.get', { id })
        const run = await client.call('runs.start', { yaml, name, ...(group === null ? {} : { group }) })
        toasts.done(`${run.name} started`, { action: { label: 'Show', run: () => void router.push(`/runs/${encodeURIComponent(run.id)}`) } })
      } catch (error) {
        toasts.failed('The run was not started', error)
      }
    },
  }
}
export type RunActions = ReturnType<typeof useRunActions>

const runs = (n: number): string => `${count(n)} ${n === 1 ? 'run' : 'runs'}`
