import type { Run } from '../../shared/types.ts'

/** Starts a run of a plan, or goes on with the one that it has: asked again, a plan starts nothing twice. */
export function startOrResume<Start>(host: { start(input: Start): Run; resume(id: string): Run }, present: Run | undefined, input: Start): Run {
  if (present === undefined) return host.start(input)
  return ['done', 'running', 'queued'].includes(present.status) ? present : host.resume(present.id)
}
