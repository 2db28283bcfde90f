/** The quick built-in experiment of the very first start, as a terminal shows it: progress, then the result. */
import type { Backend } from '../backend/index.ts'
import type { Push } from '../shared/contract.ts'
import type { Job } from '../shared/types.ts'
import { comparisonTable } from './comparison-table.ts'
import { Interrupted } from './interruption.ts'
import { jobLine } from './job-line.ts'

type Outside = { interrupted: AbortSignal; notes: NodeJS.WriteStream; printResult(text: string): void }

/** Resolves when it has ended, however; throws `Interrupted` after cancelling it on Ctrl-C. */
export async function runFirstDemo(backend: Pick<Backend, 'call' | 'subscribe'>, { interrupted, notes, printResult }: Outside): Promise<void> {
  const staysOpen = 'The workbench stays open; Ctrl-C ends it.'
  notes.write('First start: running the quick built-in experiment (npm start -- --no-demo skips it, Ctrl-C stops it).\n')
  const line = jobLine(notes)
  try {
    const job = await watchDemo(backend, interrupted, line.show).finally(line.end)
    if (interrupted.aborted) throw new Interrupted('interrupted')
    if (job.status !== 'done') throw new Error(job.error ?? `it was ${job.status}`)
    const { demo } = await backend.call('workspace.info', {})
    if (demo) printResult(`\n${comparisonTable(await backend.call('comparisons.get', { group: demo.group }))}\n`)
    notes.write(`${staysOpen}\n`)
  } catch (error) {
    if (error instanceof Interrupted) throw error
    notes.write(`The experiment did not come to its end: ${error instanceof Error ? error.message : String(error)}. ${staysOpen}\n`)
  }
}

/** Starts the experiment and resolves with its job as it ended. */
async function watchDemo(backend: Pick<Backend, 'call' | 'subscribe'>, interrupted: AbortSignal, show: (job: Job) => void): Promise<Job> {
  const { promise, resolve } = Promise.withResolvers<Job>()
  let demoId: string | null = null
  const look = (job: Job) => {
    // Its runs are jobs of their own: the experiment's line names them.
    if (job.kind === 'demo' && job.status === 'running') show(job)
    if (job.id === demoId && job.status !== 'queued' && job.status !== 'running') resolve(job)
  }
  const unsubscribe = backend.subscribe((push: Push) => {
    if (push.type === 'job') look(push.job)
  })
  try {
    const { jobId } = await backend.call('demo.start', { quick: true })
    demoId = jobId
    // A cancel that fails leaves a job that ended by itself, which is as good.
    const cancel = () => void backend.call('jobs.cancel', { id: jobId }).then(look, () => {})
    if (interrupted.aborted) cancel()
    interrupted.addEventListener('abort', cancel, { once: true })
    for (const job of await backend.call('jobs.list', {})) look(job)
    return await promise
  } finally {
    unsubscribe()
  }
}
