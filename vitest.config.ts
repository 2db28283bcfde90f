import { defineConfig } from 'vitest/config'

/** `golden` checks numbers against reference fixtures, `e2e` drives a browser; everything else is `unit`. */
export default defineConfig({
  test: {
    // Native modules (SQLite, onnxruntime) are loaded by a process of their own.
    pool: 'forks',
    projects: [
      { extends: true, test: { name: 'unit', testTimeout: 30_000, include: ['src/**/*.test.ts', 'tests/**/*.test.ts'], exclude: ['tests/reference/**', 'tests/e2e/**'] } },
      { extends: true, test: { name: 'golden', include: ['tests/reference/**/*.test.ts'], testTimeout: 120_000 } },
      { extends: true, test: { name: 'e2e', include: ['tests/e2e/**/*.spec.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 } },
    ],
  },
})
