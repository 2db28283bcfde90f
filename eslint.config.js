import vue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'
import { importDirections } from './scripts/import-directions.mjs'

const node = Object.fromEntries(['process', 'console', 'URL', 'fetch', 'performance', 'setTimeout', 'setInterval', 'clearInterval', 'AbortSignal', 'Buffer'].map((name) => [name, 'readonly']))

export default tseslint.config(
  { ignores: ['node_modules/', 'out/', 'dist/', '.runtime/', 'coverage/', 'test-results/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.strict,
  ...vue.configs['flat/essential'],
  { files: ['**/*.vue'], languageOptions: { parserOptions: { parser: tseslint.parser } } },
  {
    files: ['**/*.{ts,vue,js,mjs}'],
    plugins: { drift: { rules: { 'import-directions': importDirections } } },
    rules: {
      'drift/import-directions': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // noUncheckedIndexedAccess makes `!` the plain way to say "inside the bounds" in numeric code.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      // Empty arrow functions say "nothing to do" where a callback is asked for.
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    // A promise nobody waits for is a failure nobody hears of: worth the types where long work runs.
    files: ['src/{backend,engine,server,cli,main,preload}/**/*.ts', 'scripts/*.ts'],
    ignores: ['**/*.d.mts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
  },
  { files: ['**/*.vue'], rules: { 'vue/multi-word-component-names': 'off', 'vue/no-v-html': 'error', 'vue/block-lang': ['error', { script: { lang: 'ts' } }] } },
  { files: ['scripts/*.mjs'], languageOptions: { globals: node }, rules: { 'no-undef': 'error' } },
)
