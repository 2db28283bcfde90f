/** Which Python runs the torch engine. */
import { InputError } from '../input-error.ts'

/** @throws InputError where there is none. */
export function torchPython(env: NodeJS.ProcessEnv): string {
  if (env.DRIFT_PYTHON) return env.DRIFT_PYTHON
  throw new InputError('engine torch: expected a Python with PyTorch, found none; run `drift engine install torch`, or set DRIFT_PYTHON to an interpreter that has torch, transformers, peft and accelerate')
}
