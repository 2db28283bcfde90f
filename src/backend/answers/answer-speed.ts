/** How fast models answer on this machine, as measured in a process of its own and remembered as long as the session. */
import type { AnswersInput } from '../../shared/answers.ts'
import type { FromWorker, MeasureArgs } from '../jobs/messages.ts'
import { runInProcess, workInProcess } from '../jobs/run-in-process.ts'
import type { Channel } from '../jobs/run-worker.ts'
import { perSession, type Session } from '../session.ts'
import { type AnswerSpeed, measureAnswering, MOST_DRAWN } from './estimate-answers.ts'
import { prepareAnswers } from './prepare-answers.ts'

/** The process that measures. */
export const measureWorker = ({ workspace: path, measure }: MeasureArgs, channel: Channel): Promise<void> =>
  workInProcess(path, channel, async (workspace, signal) => channel.send({ type: 'measured', speed: await measureAnswering(await prepareAnswers(workspace, measure), { signal }) }))

/** What a measurement depends on: not the seed, nor how long an answer may get beyond what is drawn. */
const keyOf = ({ prompts, model, engine, device, useVllm, sampling: { batch_size, max_new_tokens: longest = MOST_DRAWN } }: AnswersInput): string => JSON.stringify([prompts, model, engine, device, useVllm, batch_size, Math.min(longest, MOST_DRAWN)])

export type AnswerSpeeds = {
  known(input: AnswersInput): AnswerSpeed | null
  /** Measures unless it is known. One is measured at a time: the next ends the one before, which rejects. */
  measure(input: AnswersInput): Promise<AnswerSpeed>
  /** Ends what is being measured: the model is about to be loaded for its work. */
  stop(): void
}

export const answerSpeedsOf = perSession(makeSpeeds)

function makeSpeeds(session: Session): AnswerSpeeds {
  const speeds = new Map<string, AnswerSpeed>()
  let current: { key: string; stop: AbortController; speed: Promise<AnswerSpeed> } | null = null
  const stop = (): void => current?.stop.abort(new Error('answers: the measuring of the speed was ended by what was asked next'))
  session.onClose(async () => {
    stop()
    await current?.speed.catch(() => {})
  })
  const work = async (input: AnswersInput, signal: AbortSignal): Promise<AnswerSpeed> => {
    let speed: AnswerSpeed | null = null
    const onMessage = (message: FromWorker): void => void (message.type === 'measured' && (speed = message.speed))
    await runInProcess(session, { workspace: session.workspace.path, measure: input }, { work: 'measuring the speed of answers', log: 'answers.log', signal, onProgress: () => {}, onMessage })
    if (speed === null) throw new Error('answers: the process that measured the speed ended without telling it; what it printed is in runs/answers.log')
    return speed
  }
  return {
    known: (input) => speeds.get(keyOf(input)) ?? null,
    async measure(input) {
      const key = keyOf(input)
      const known = speeds.get(key)
      if (known !== undefined) return known
      if (current?.key !== key || current.stop.signal.aborted) {
        stop()
        const begun = { key, stop: new AbortController(), speed: Promise.resolve<AnswerSpeed>({ promptSeconds: 0, stepSeconds: 0, longest: null }) }
        begun.speed = work(input, begun.stop.signal).then((speed) => {
          speeds.set(key, speed)
          return speed
        }).finally(() => {
          if (current === begun) current = null
        })
        current = begun
      }
      return current.speed
    },
    stop,
  }
}
