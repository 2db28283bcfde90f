import type { Message } from '../../shared/types.ts'

/** Who speaks, at the head of a message. */
export const ROLE_NAMES: Record<Message['role'], string> = { user: 'User', assistant: 'Assistant', system: 'System', tool: 'Tool' }
