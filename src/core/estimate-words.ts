/** What work will take, in words: the same before it starts in a terminal and on a page. */
import type { AnswersEstimate } from '../shared/answers.ts'
import type { JudgingEstimate } from '../shared/evaluation.ts'
import type { RaceCheck } from '../shared/race.ts'

export const MISSING = '–'

/** `0:05`, `12:40`, `2:03:10`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return MISSING
  const whole = Math.max(0, Math.round(seconds))
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  const two = (value: number): string => String(value).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** Of memory and files, with the unit: 512 MB. */
export function byteSize(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return MISSING
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.round(bytes / 1e3)} kB`
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const counted = (n: number, noun: string): string => `${whole.format(n)} ${noun}${n === 1 ? '' : 's'}`
const NOT_MEASURED = 'time not measured on this machine yet'

/** How many runs, how many of them at once, time, memory of those, disk of all. */
export function raceWords({ sweepRuns, runs, lanes, seconds, memoryBytes, diskBytes }: Pick<RaceCheck, 'sweepRuns' | 'runs' | 'lanes' | 'seconds' | 'memoryBytes' | 'diskBytes'>): string {
  return [
    `${sweepRuns > 0 ? `${counted(sweepRuns, 'run')} of the sweep, then ` : ''}${counted(runs, 'run')}, ${lanes} at a time`,
    seconds === null ? NOT_MEASURED : `about ${duration(seconds)} in all`,
    memoryBytes === null ? 'memory not known until the models are here' : `memory ${byteSize(memoryBytes)} at most${lanes > 1 ? ' together' : ''}`,
    ...(diskBytes === null ? [] : [`disk ${byteSize(diskBytes)}`]),
  ].join(' · ')
}

/** How many answers and how long, time and where that is known from, memory, disk. @param unknown stands for the time where that is not known */
export function answersWords({ answers, maxNewTokens, time, memoryBytes, diskBytes }: AnswersEstimate, unknown = NOT_MEASURED): string {
  return [
    `${counted(answers, 'answer')} of at most ${counted(maxNewTokens, 'token')}`,
    time === null ? unknown : time.basis === 'earlier' ? `about ${duration(time.seconds)}, as earlier answers took` : `${time.atMost ? 'at most ' : ''}about ${duration(time.seconds)}, measured just now`,
    memoryBytes === null ? 'memory as vLLM is set to take it' : `memory about ${byteSize(memoryBytes)}`,
    `disk at most ${byteSize(diskBytes)}`,
  ].join(' · ')
}

/** Calls, tokens, cost where prices are known, time. */
export function judgingWords({ calls, cached, promptTokens, completionTokens, seconds }: JudgingEstimate, cost: number | null): string {
  return [
    `${counted(calls, 'call')} (${whole.format(cached)} replies are here already)`,
    `about ${whole.format(promptTokens)} tokens in, at most ${whole.format(completionTokens)} out`,
    ...(cost === null ? [] : [`at most about ${cost.toFixed(2)}`]),
    seconds === null ? 'time unknown before the first replies' : `about ${duration(seconds)}`,
  ].join(', ')
}
