/** What the table's settings and figures are called on axes. */
import { SYSTEM } from '../../../core/run-time.ts'

const LABELS: Readonly<Record<string, string>> = { score: 'task score', seconds: 'time, s', method: 'method', [SYSTEM.tokensPerSecond]: 'tokens/s', [SYSTEM.memoryBytes]: 'memory' }

/** `training.beta` keeps its path: two keys may share their last part. */
export const fieldLabel = (field: string): string => LABELS[field] ?? field
