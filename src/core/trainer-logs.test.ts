import { describe, expect, it } from 'vitest'
import { readTrainerLog } from './trainer-logs.ts'

const state = (history: unknown[]): string => JSON.stringify({ best_metric: null, epoch: 1, global_step: 20, is_local_process_zero: true, log_history: history, logging_steps: 10, max_steps: 20, num_train_epochs: 1, train_batch_size: 4 }, null, 2)

describe('trainer_state.json', () => {
  it('gives a row per step, evaluation and closing entry on the step they were logged at', () => {
    const log = readTrainerLog(state([
      { epoch: 0.5, grad_norm: 1.5, learning_rate: 5e-7, loss: 0.69, 'rewards/margins': 0.01, step: 10 },
      { epoch: 1, loss: 0.6, step: 20 },
      { epoch: 1, eval_loss: 0.65, 'eval_rewards/accuracies': 0.75, step: 20 },
      { epoch: 1, step: 20, train_runtime: 12.5, train_loss: 0.645 },
    ]), 'f')
    expect(log.rows).toEqual([
      { step: 10, metrics: { epoch: 0.5, grad_norm: 1.5, learning_rate: 5e-7, loss: 0.69, 'rewards/margins': 0.01 } },
      { step: 20, metrics: { epoch: 1, loss: 0.6, eval_loss: 0.65, 'eval_rewards/accuracies': 0.75, train_runtime: 12.5, train_loss: 0.645 } },
    ])
    expect(log.settings).toEqual({ num_train_epochs: 1, max_steps: 20, train_batch_size: 4, logging_steps: 10 })
    expect(log.problems).toEqual([])
  })

  it('names entries without a step and keeps the others', () => {
    const { rows, problems } = readTrainerLog(state([{ loss: 1 }, 'x', { loss: 0.5, step: 2 }, { loss: 1, step: 1.5 }]), 'f')
    expect(rows).toEqual([{ step: 2, metrics: { loss: 0.5 } }])
    expect(problems).toEqual([
      { where: 'log_history[0]', reason: 'expected step as a whole number from 0, got none' },
      { where: 'log_history[1]', reason: 'expected an object, got "x"' },
      { where: 'log_history[3]', reason: 'expected step as a whole number from 0, got 1.5' },
    ])
  })

  it('takes figures that Python writes as NaN and Infinity for gaps, and leaves texts alone', () => {
    const text = '{"log_history": [{"loss": NaN, "grad_norm": -Infinity, "note": "NaN \\" Infinity", "step": 3}]}'
    expect(readTrainerLog(text, 'f').rows).toEqual([{ step: 3, metrics: { loss: null, grad_norm: null } }])
  })
})

describe('trainer_log.jsonl', () => {
  it('has TRL\'s names for what LLaMA-Factory calls otherwise, and nothing of the progress bar', () => {
    const log = readTrainerLog('{"current_steps": 5, "total_steps": 10, "loss": 0.69, "accuracy": 0.5, "lr": 5e-06, "epoch": 0.5, "percentage": 50.0, "elapsed_time": "0:00:10", "remaining_time": "0:00:10", "throughput": 99.5, "total_tokens": 512}\n{"current_steps": 10, "total_steps": 10, "eval_loss": 0.6, "epoch": 1.0}\n', 'f')
    expect(log.rows).toEqual([
      { step: 5, metrics: { loss: 0.69, 'rewards/accuracies': 0.5, learning_rate: 5e-6, epoch: 0.5, throughput: 99.5, num_tokens: 512 } },
      { step: 10, metrics: { eval_loss: 0.6, epoch: 1 } },
    ])
    expect(log.settings).toEqual({ max_steps: 10 })
  })

  it('names lines that are cut or damaged and keeps the others', () => {
    const { rows, problems } = readTrainerLog('{"current_steps": 1, "loss": 1}\n\n{"current_steps": 2, "lo\n[1]\n{"current_steps": 3, "loss": 2}', 'f')
    expect(rows.map(({ step }) => step)).toEqual([1, 3])
    expect(problems).toEqual([{ where: 'line 3', reason: 'expected JSON, got a line that is cut or damaged' }, { where: 'line 4', reason: 'expected an object, got [1]' }])
  })
})

it('another file is refused with what was expected', () => {
  expect(() => readTrainerLog('{"a": 1}', 'a.json')).toThrow('a.json: expected trainer_state.json (an object with log_history) or trainer_log.jsonl (lines with current_steps), got JSON without them')
  expect(() => readTrainerLog('hello', 'a.json')).toThrow('got neither: line 1, expected JSON')
  expect(() => readTrainerLog('', 'a.json')).toThrow('got an empty file')
})
