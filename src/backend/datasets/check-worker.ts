import type { CheckArgs } from '../jobs/messages.ts'
import { workInProcess } from '../jobs/run-in-process.ts'
import type { Channel } from '../jobs/run-worker.ts'
import { checkContamination } from './check.ts'

const TOLD_EVERY_MS = 150

/** The process that compares by meaning: a sentence model is native code that somebody chose. */
export const checkWorker = ({ workspace: path, check }: CheckArgs, channel: Channel): Promise<void> =>
  workInProcess(path, channel, ({ db }, signal, onProgress) => {
    let told = { stage: '', at: 0 }
    return checkContamination(db, check, (done, total, stage) => {
      signal.throwIfAborted()
      if (stage === told.stage && performance.now() - told.at < TOLD_EVERY_MS) return
      told = { stage, at: performance.now() }
      onProgress(stage, done, total)
    })
  })
