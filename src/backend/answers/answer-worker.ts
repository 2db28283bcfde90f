import type { AnswerArgs } from '../jobs/messages.ts'
import { workInProcess } from '../jobs/run-in-process.ts'
import type { Channel } from '../jobs/run-worker.ts'
import { runAnswers } from './run-answers.ts'

/** The process that answers a benchmark's prompts. */
export const answerWorker = ({ workspace: path, answer: { id } }: AnswerArgs, channel: Channel): Promise<void> =>
  workInProcess(path, channel, (workspace, signal, onProgress) => runAnswers(workspace, id, { signal, onProgress }))
