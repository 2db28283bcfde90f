import { taskThread } from '../task-thread.ts'
import type { Tasks } from './tasks.ts'

/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './signals-worker.ts' : './signals-worker.js'

/** The thread of a session that reads every signal. */
export const signalsThread = taskThread<Tasks>(new URL(ENTRY, import.meta.url), 'signals', 'signals')
