/**
 * A process of its own that scores with the model folders it is told of, so that a native crash or a hang is seen by
 * the test that started it and not suffered. Answers each {model, data} with how the command line would have ended.
 */
import { runScore } from '../../src/cli/engine-verbs.ts'

export type Scored = { outcome: 'scored' | 'refused' | 'failed'; message: string; rss: number }

process.on('message', (request: { model: string; data: string }) => {
  void score(request).then(answer => process.send?.(answer))
})

async function score({ model, data }: { model: string; data: string }): Promise<Scored> {
  const io = { writeRow: async () => {}, note: () => {}, signal: new AbortController().signal }
  try {
    await runScore({ model, data, engine: 'embedded' }, io)
    return { outcome: 'scored', message: '', rss: process.memoryUsage.rss() }
  } catch (error) {
    const isInput = error instanceof Error && 'exitCode' in error && error.exitCode === 2
    return { outcome: isInput ? 'refused' : 'failed', message: isInput ? error.message : String((error as Error)?.stack ?? error), rss: process.memoryUsage.rss() }
  }
}
