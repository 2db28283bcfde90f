import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

/** The interface, the same files for both hosts: served by `src/server`, or by `src/main` as app://drift. */
export default defineConfig({
  root: 'src/renderer',
  base: '/',
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
  build: {
    outDir: '../../out/renderer',
    emptyOutDir: true,
    target: 'es2024',
    // The page policy has no data: fonts or scripts; one request more is nothing on these hosts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
  },
})
