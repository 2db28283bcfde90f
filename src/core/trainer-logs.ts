/**
 * Metric files of other trainers, as metric rows: `trainer_state.json` of Transformers and TRL, `trainer_log.jsonl`
 * of LLaMA-Factory. An entry that cannot be read is named and left out; the others are kept.
 */
import { UsageError } from '../shared/errors.ts'
import { nullFigures } from './python-json.ts'

export type TrainerLog = {
  format: 'trainer_state' | 'llama-factory'
  /** Ascending steps, one row each: what was logged of a step in several entries stands together. */
  rows: { step: number; metrics: Record<string, number | null> }[]
  /** What the file says of the training's settings. */
  settings: Record<string, number>
  problems: { where: string; reason: string }[]
}

/** Keys of `trainer_state.json` that are settings (transformers/trainer_callback.py, TrainerState). */
const STATE_SETTINGS = ['num_train_epochs', 'max_steps', 'train_batch_size', 'logging_steps', 'eval_steps', 'save_steps']
/** LLaMA-Factory's names (src/llamafactory/train/callbacks.py, LogCallback) that are not TRL's. */
const RENAMED: Readonly<Record<string, string>> = { lr: 'learning_rate', accuracy: 'rewards/accuracies', total_tokens: 'num_tokens' }
/** Of the progress bar, not of the training. */
const PROGRESS = new Set(['current_steps', 'total_steps', 'percentage', 'cur_time', 'elapsed_time', 'remaining_time'])

/** @throws UsageError where the text is neither */
export function readTrainerLog(text: string, file: string): TrainerLog {
  const whole = parsed(text)
  if (isObject(whole) && Array.isArray(whole['log_history'])) return readState(whole, whole['log_history'])
  const log = readLines(text)
  if (log.rows.length > 0) return log
  throw new UsageError(`${file}: expected trainer_state.json (an object with log_history) or trainer_log.jsonl (lines with current_steps), got ${whole === undefined ? (log.problems[0] ? `neither: ${log.problems[0].where}, ${log.problems[0].reason}` : 'an empty file') : 'JSON without them'}`)
}

function readState(state: Record<string, unknown>, history: readonly unknown[]): TrainerLog {
  const settings = Object.fromEntries(STATE_SETTINGS.flatMap((key) => (typeof state[key] === 'number' ? [[key, state[key]]] : [])))
  return { format: 'trainer_state', settings, ...collect(history.map((value, i) => ({ where: `log_history[${i}]`, value })), 'step', (name) => (name === 'step' ? null : name)) }
}

function readLines(text: string): TrainerLog {
  const entries = text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [{ where: `line ${i + 1}`, value: parsed(line) }]))
  const total = entries.map(({ value }) => (isObject(value) ? value['total_steps'] : null)).findLast((steps) => typeof steps === 'number')
  return { format: 'llama-factory', settings: typeof total === 'number' ? { max_steps: total } : {}, ...collect(entries, 'current_steps', (name) => (PROGRESS.has(name) ? null : (RENAMED[name] ?? name))) }
}

/** @param nameOf a metric's name by its key; null where the key is no metric */
function collect(entries: readonly { where: string; value: unknown }[], stepKey: string, nameOf: (key: string) => string | null): Pick<TrainerLog, 'rows' | 'problems'> {
  const steps = new Map<number, Record<string, number | null>>()
  const problems: TrainerLog['problems'] = []
  for (const { where, value } of entries) {
    const problem = problemOf(value, stepKey)
    if (problem !== null) {
      problems.push({ where, reason: problem })
      continue
    }
    const entry = value as Record<string, unknown>
    const metrics = Object.entries(entry).flatMap(([key, figure]) => {
      const name = nameOf(key)
      return name !== null && (typeof figure === 'number' || figure === null) ? [[name, figure]] : []
    })
    const step = entry[stepKey] as number
    steps.set(step, { ...steps.get(step), ...(Object.fromEntries(metrics) as Record<string, number | null>) })
  }
  return { rows: [...steps].sort(([a], [b]) => a - b).map(([step, metrics]) => ({ step, metrics })), problems }
}

function problemOf(value: unknown, stepKey: string): string | null {
  if (value === undefined) return 'expected JSON, got a line that is cut or damaged'
  if (!isObject(value)) return `expected an object, got ${JSON.stringify(value).slice(0, 60)}`
  const step = value[stepKey]
  return Number.isInteger(step) && Number(step) >= 0 ? null : `expected ${stepKey} as a whole number from 0, got ${JSON.stringify(step) ?? 'none'}`
}

/** undefined where it is no JSON. A figure that is not finite is a gap in a curve. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(nullFigures(text)) as unknown
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
