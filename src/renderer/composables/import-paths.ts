/** Paths in one line of text: each in quotes, or one after the other where their endings tell them apart. */
import { PACKED_ENDINGS, ROW_ENDINGS } from '../../core/import/file-endings.ts'

const AFTER_ENDING = new RegExp(`(?<=\\.(?:${ROW_ENDINGS}|${PACKED_ENDINGS}))\\s+`, 'i')

export function splitPaths(text: string): string[] {
  const paths = text.includes('"') ? [...text.matchAll(/"([^"]*)"|([^"\s]+)/g)].map((match) => match[1] ?? match[2] ?? '') : text.split(AFTER_ENDING)
  return paths.map((path) => path.trim()).filter((path) => path !== '')
}

export function joinPaths(paths: readonly string[]): string {
  return paths.length === 1 ? (paths[0] ?? '') : paths.map((path) => `"${path}"`).join(' ')
}
