import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { aFolder } from '../../../tests/support/workspace.ts'
import { describeDevice } from '../../core/torch-words.ts'
import { TORCH_RESOURCES } from '../../engine/torch/interpreter.ts'
import type { TorchDevice } from '../../shared/engines.ts'

const hasPython = spawnSync('python3', ['-c', '']).status === 0

it.skipIf(!hasPython || process.platform === 'win32')('what else runs on a GPU is seen, and said with its memory', () => {
  const bin = aFolder()
  writeFileSync(join(bin, 'nvidia-smi'), "#!/bin/sh\necho 'GPU-1b2c, 4711, /usr/bin/python3, 2048'\necho 'GPU-1b2c, 4712, Xorg, [N/A]'\n")
  chmodSync(join(bin, 'nvidia-smi'), 0o755)
  const { stdout } = spawnSync('python3', ['-c', 'import json; from drift_torch.capabilities import nvidia_processes; print(json.dumps(nvidia_processes()))'], { encoding: 'utf8', env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, PYTHONPATH: TORCH_RESOURCES } })
  const found = JSON.parse(stdout) as Record<string, TorchDevice['other_processes']>
  expect(found).toEqual({ '1b2c': [{ pid: 4711, name: '/usr/bin/python3', bytes: 2048 * 1024 ** 2 }, { pid: 4712, name: 'Xorg', bytes: null }] })
  expect(describeDevice({ name: 'cuda:0', kind: 'cuda', label: 'NVIDIA L4', total_bytes: 24e9, free_bytes: 20e9, other_processes: found['1b2c']!, dtypes: ['float32'], computes: true }))
    .toBe('cuda:0 NVIDIA L4, 20.0 GB of 24.0 GB free, float32; in use by /usr/bin/python3 (pid 4711, 2.1 GB), Xorg (pid 4712, unknown)')
})
