import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

/** The interface, the same files for both hosts: served by `src/server`, or by `src/main` as app://drift. */
export default defineConfig({
  root: 'src/renderer',
  base: '/',
  plugins: [vue({ template: { compilerOptions: { runtimeModuleName: 'vue-templates' } } })],
  resolve: { alias: { 'vue-templates': fileURLToPath(new URL('src/renderer/vue-templates.ts', import.meta.url)) } },
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
  build: {
    outDir: '../../out/renderer',
    emptyOutDir: true,
    target: 'es2024',
    // The page policy has no data: fonts or scripts; one request more is nothing on these hosts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // A page of forty files waits for each of them; these make it fewer. What few pages need stays theirs: ECharts, YAML, zod.
    cssCodeSplit: false,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'frame', tags: ['$initial'], priority: 1 },
            { name: 'shared', minShareCount: 3, test: /node_modules[\\/](?!echarts|yaml|zod|zrender)|[\\/](components|composables|stores)[\\/]/ },
          ],
        },
      },
    },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
  },
})
