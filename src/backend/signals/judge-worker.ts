/** A thread that judges ranges of conversations for `run-detector.ts`, with its own connection; null ends it. */
import { parentPort, workerData } from 'node:worker_threads'
import { openDatabase } from '../storage/open.ts'
import { detectorNamed, type Detector } from './detectors.ts'
import { conversationJudge, type PositionRange } from './judge-conversations.ts'

export type JudgeWorkerInput = { database: string; named: Detector['named']; version: string }

const port = parentPort
if (port === null) throw new Error('judge-worker: expected to be started as a thread')
const { database, named, version } = workerData as JudgeWorkerInput
const detector = detectorNamed(named.name, named.workspace)
if (detector.version !== version) throw new Error(`detector ${named.name}: expected version ${version}, got ${detector.version}: it was trained again meanwhile. Run it once more`)
const db = openDatabase(database)
// It reads from front to back: nothing is asked for twice.
db.pragma('cache_size = -2048') // KiB
const judge = conversationJudge(db, detector)
port.on('message', (range: PositionRange | null) => {
  if (range !== null) return port.postMessage(judge(range))
  db.close()
  port.close()
})
