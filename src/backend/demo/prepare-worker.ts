/** The preparation's process: its progress goes to the parent, its failure too. */
import type { PrepareArgs } from '../jobs/messages.ts'
import { workInProcess } from '../jobs/run-in-process.ts'
import type { Channel } from '../jobs/run-worker.ts'
import { planExperiment } from './experiment.ts'
import { prepareDemo } from './prepare.ts'

export const prepareWorker = ({ workspace: path, prepare }: PrepareArgs, channel: Channel): Promise<void> =>
  workInProcess(path, channel, (workspace, signal, onProgress) => prepareDemo(workspace, { ...planExperiment(prepare), signal, onProgress }))
