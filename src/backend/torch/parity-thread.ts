import type { ParityReport } from '../../shared/engines.ts'
import { IDLE_MS, taskThread } from '../task-thread.ts'
import type { ParityInput } from './parity.ts'

/** Beside this file: as source, or as Electron's bundle has it. */
const ENTRY = import.meta.url.endsWith('.ts') ? './parity-worker.ts' : './parity-worker.js'

/** The thread of a session that compares the engines. */
export const parityThread = taskThread<{ check: { input: ParityInput; output: ParityReport } }>(new URL(ENTRY, import.meta.url), 'parity', 'engine', IDLE_MS)
