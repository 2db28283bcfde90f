import type { ImportFormat } from './format.ts'
import { readAbout, readMetadata, readOrigin } from './messages.ts'
import { readPrompt } from './preference.ts'

/** Beside a prompt: a row that holds anything else may have lost its reply. */
const BESIDE = new Set(['prompt', 'prompt_id', 'id', 'user', 'user_id', 'conversation_id', 'task', 'source', 'model', 'language', 'created_at', 'timestamp', 'metadata'])

/** TRL's prompt-only rows, {prompt: text or messages}: a request that nobody has answered. */
export const trlPrompts: ImportFormat = {
  name: 'trl-prompts',
  recognizes: (row) => 'prompt' in row && Object.keys(row).every((key) => BESIDE.has(key)),
  read: ([row]) => [{
    ...readAbout(row),
    messages: readPrompt(row['prompt']),
    metadata: { ...readMetadata(row, row['id'] ?? row['prompt_id']), ...readOrigin(row) },
    labels: [],
  }],
}
