import { defineConfig } from 'electron-vite'
import renderer from './vite.config.ts'

/**
 * Main, preload and the processes they start. Modules keep their places (`src/a/b.ts` → `out/a/b.js`), so that
 * what the backend reads beside its code (resources, package.json, migrations) is found the same way as from source.
 */
export default defineConfig({
  main: {
    build: {
      outDir: 'out',
      emptyOutDir: false,
      rollupOptions: {
        input: Object.fromEntries(['main/index', 'main/backend-entry', 'backend/worker', 'backend/data-worker', 'backend/datasets/task-worker', 'backend/conversations/browse-worker', 'backend/signals/signals-worker', 'backend/signals/judge-worker', 'backend/torch/parity-worker', 'backend/comparisons/explore-worker', 'engine/device-probe'].map((name) => [name, `src/${name}.ts`])),
        output: { format: 'es', preserveModules: true, preserveModulesRoot: 'src', entryFileNames: '[name].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      rollupOptions: { input: { index: 'src/preload/index.ts' }, output: { format: 'cjs', entryFileNames: '[name].cjs' } },
    },
  },
  // The launcher builds the interface itself, aside from what a running host may be serving.
  ...(process.env['DRIFT_KEEP_RENDERER'] ? {} : { renderer: { ...renderer, build: { ...renderer.build, rollupOptions: { input: 'src/renderer/index.html' } } } }),
})
