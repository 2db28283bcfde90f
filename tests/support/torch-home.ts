import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, vi } from 'vitest'
import { torchPython } from '../../src/engine/torch/interpreter.ts'

/** Runs of these tests keep their comparisons of the engines in a home of their own, by the Python of the present one. */
export function inAHomeOfItsOwn(): void {
  beforeAll(() => {
    const [python, home] = [torchPython(process.env), mkdtempSync(join(tmpdir(), 'drift-home-'))]
    vi.stubEnv('DRIFT_PYTHON', python)
    vi.stubEnv('DRIFT_HOME', home)
    return () => {
      vi.unstubAllEnvs()
      rmSync(home, { recursive: true, force: true })
    }
  })
}
