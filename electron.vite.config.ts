import { defineConfig } from 'electron-vite'
import renderer from './vite.config.ts'

/** Threads and processes that the backend starts from files beside it: `new URL('./x.ts', import.meta.url)`. */
const startedFiles = {
  name: 'started-files',
  transform: (code: string) => code.replaceAll(/new URL\((['"])(\.[^'"]+)\.ts\1, import\.meta\.url\)/g, 'new URL($1$2.js$1, import.meta.url)'),
}

/**
 * Main, preload and the processes they start. Modules keep their places (`src/a/b.ts` → `out/a/b.js`), so that
 * what the backend reads beside its code (resources, package.json, migrations) is found the same way as from source.
 */
export default defineConfig({
  main: {
    plugins: [startedFiles],
    build: {
      outDir: 'out',
      emptyOutDir: false,
      rollupOptions: {
        input: { 'main/index': 'src/main/index.ts', 'main/backend-entry': 'src/main/backend-entry.ts', 'backend/worker': 'src/backend/worker.ts', 'backend/data-worker': 'src/backend/data-worker.ts' },
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
