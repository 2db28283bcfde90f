import { IDLE_MS, taskThread } from '../task-thread.ts'
import type { Tasks } from './tasks.ts'

/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './task-worker.ts' : './task-worker.js'

/** The thread of a session that works on datasets. */
export const datasetThread = taskThread<Tasks>(new URL(ENTRY, import.meta.url), 'datasets', 'dataset', IDLE_MS)
