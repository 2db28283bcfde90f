import type { MapArgs } from '../jobs/messages.ts'
import { workInProcess } from '../jobs/run-in-process.ts'
import type { Channel } from '../jobs/run-worker.ts'
import { makeMap } from './make-map.ts'

/** The process that makes the map: a sentence model is native code that somebody chose. */
export const mapWorker = ({ workspace: path, map }: MapArgs, channel: Channel): Promise<void> =>
  workInProcess(path, channel, ({ db }, signal, onProgress) => makeMap(db, { ...map, signal, onProgress }))
