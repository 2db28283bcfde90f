import { taskThread } from '../task-thread.ts'
import type { Tasks } from './tasks.ts'

/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './browse-worker.ts' : './browse-worker.js'

/** The thread of a session that knows every conversation. */
export const conversationThread = taskThread<Tasks>(new URL(ENTRY, import.meta.url), 'conversations', 'conversations')
