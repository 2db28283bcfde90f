import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'
import { whyForbidden } from '../../scripts/import-directions.mjs'

describe('import directions', () => {
  it.each([
    ['src/recipes/drift.ts', '../core/rng.ts'],
    ['src/backend/storage/open.ts', 'better-sqlite3'],
    ['src/backend/lab/lab.ts', '../../recipes/drift.ts'],
    ['src/engine/ops/matmul.ts', '../graph.ts'],
    ['src/engine/session.ts', 'onnxruntime-node'],
    ['src/shared/contract.ts', 'zod'],
    ['src/main/window.ts', 'electron'],
    ['src/renderer/pages/runs/RunPage.vue', '../../../core/statistics.ts'],
    ['src/core/rng.test.ts', 'node:fs'],
    ['src/server/server.test.ts', '../../tests/support/serve-for-test.ts'],
    ['tests/hosts/pipes.test.ts', 'better-sqlite3'],
  ])('%s may import %s', (file, specifier) => {
    expect(whyForbidden(file, specifier)).toBeNull()
  })

  it.each([
    ['src/shared/contract.ts', '../core/rng.ts'],
    ['src/shared/types.ts', 'vue'],
    ['src/core/rng.ts', 'node:fs'],
    ['src/core/rng.ts', 'fs'],
    ['src/core/rng.ts', 'vue'],
    ['src/core/signals.ts', '../engine/rng.ts'],
    ['src/core/rng.test.ts', '../backend/index.ts'],
    ['src/recipes/drift.ts', '../backend/lab/lab.ts'],
    ['src/engine/train.ts', '../core/rng.ts'],
    ['src/engine/train.ts', '../shared/types.ts'],
    ['src/engine/session.ts', 'better-sqlite3'],
    ['src/backend/jobs/run.ts', 'better-sqlite3'],
    ['src/backend/jobs/run.ts', 'onnxruntime-node'],
    ['src/backend/index.ts', '../server/index.ts'],
    ['src/server/index.ts', 'electron'],
    ['src/renderer/client.ts', '../backend/index.ts'],
    ['src/renderer/client.ts', 'node:fs'],
    ['src/cli/open.ts', 'electron'],
    ['src/core/rng.ts', '../../tests/support/golden-sets.ts'],
  ])('%s may not import %s', (file, specifier) => {
    expect(whyForbidden(file, specifier)).toMatch(/src\//)
  })

  it('fails the lint, for every way of importing', async () => {
    const code = [
      "import { openBackend } from '../backend/index.ts'",
      "export { openBackend } from '../backend/index.ts'",
      "export * from '../backend/index.ts'",
      "export const later = () => import('../backend/index.ts')",
      "export type Backend = import('../backend/index.ts').Backend",
      'export const use = openBackend',
    ].join('\n')
    const [result] = await new ESLint({ cwd: process.cwd() }).lintText(code, { filePath: 'src/core/violation.ts' })
    const lines = result?.messages.filter(({ ruleId }) => ruleId === 'drift/import-directions').map(({ line }) => line)
    expect(lines).toEqual([1, 2, 3, 4, 5])
  })
})
