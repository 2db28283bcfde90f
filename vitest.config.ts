import { defineConfig } from 'vitest/config'
import { swiftshaderEnvironment } from './tests/support/swiftshader.ts'

/**
 * `golden` checks numbers against reference fixtures, `e2e` drives a browser, `webgpu` computes on a software adapter;
 * everything else is `unit`.
 */
export default defineConfig({
  test: {
    // Native modules (SQLite, onnxruntime) are loaded by a process of their own.
    pool: 'forks',
    projects: [
      { extends: true, test: { name: 'unit', testTimeout: 30_000, include: ['src/**/*.test.ts', 'tests/**/*.test.ts'], exclude: ['tests/reference/**', 'tests/e2e/**', 'tests/devices/**'] } },
      { extends: true, test: { name: 'golden', include: ['tests/reference/**/*.test.ts'], testTimeout: 120_000 } },
      { extends: true, test: { name: 'webgpu', include: ['tests/devices/**/*.test.ts'], env: swiftshaderEnvironment() ?? {}, fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 } },
      { extends: true, test: { name: 'e2e', include: ['tests/e2e/**/*.spec.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 } },
    ],
  },
})
