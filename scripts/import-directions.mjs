// The import directions of CONTRIBUTING.md as an ESLint rule: who may import which folder of src, and which
// packages belong to one place. `*.test.ts` may use any package; the directions hold there too.
import { builtinModules } from 'node:module'
import { dirname, relative, resolve, sep } from 'node:path'
import { root } from './setup.mjs'

const folders = {
  shared: [],
  core: ['shared'],
  recipes: ['shared', 'core'],
  engine: [],
  backend: ['shared', 'core', 'recipes', 'engine'],
  cli: ['backend', 'engine', 'shared', 'core', 'server'],
  server: ['backend', 'shared'],
  main: ['backend', 'shared', 'preload'],
  preload: ['shared'],
  renderer: ['shared', 'core'],
}
/** Folders that run anywhere: neither Node nor packages (but for those named). */
const pure = { shared: ['zod'], core: ['zod', 'umap-js'], recipes: [] }
/** package -> the only folders that may import it */
const homes = {
  electron: ['main', 'preload'],
  'better-sqlite3': ['backend/storage'],
  'onnxruntime-node': ['engine'],
}

/** Why a file of the project may not import `specifier`, or null. Paths are relative to the root, with slashes. */
export function whyForbidden(file, specifier) {
  const [top, from] = file.split('/')
  if (top !== 'src' || !from || !(from in folders)) return null
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(file), specifier)).split(sep).join('/')
    if (!target.startsWith('src/')) return file.endsWith('.test.ts') || target === 'package.json' ? null : `src/${from} may not reach out of src (${target})`
    const to = target.split('/')[1]
    return to === from || folders[from].includes(to) ? null : `src/${from} may not import src/${to} (it may import ${folders[from].map((name) => `src/${name}`).join(', ') || 'only itself'})`
  }
  if (file.endsWith('.test.ts')) return null
  const name = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]
  const home = homes[name]
  if (home && !home.some((place) => file.startsWith(`src/${place}/`))) return `only src/${home.join(' and src/')} may import ${name}`
  const isNode = specifier.startsWith('node:') || builtinModules.includes(name)
  if (from in pure && !pure[from].includes(name)) return `src/${from} is pure: no Node and no packages${pure[from].length ? ` but ${pure[from].join(', ')}` : ''} (${specifier})`
  if (from === 'renderer' && isNode) return `src/renderer runs in a page: there is no ${specifier}`
  return null
}

export const importDirections = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = relative(root, context.filename).split(sep).join('/')
    const check = (node) => {
      const source = node.source ?? node.argument?.literal ?? node.argument
      if (typeof source?.value !== 'string') return
      const reason = whyForbidden(file, source.value)
      if (reason) context.report({ node: source, message: reason })
    }
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check, ImportExpression: check, TSImportType: check }
  },
}
