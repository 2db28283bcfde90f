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

/** The name a path ends on, as its own system separates them. */
export const lastOf = (path: string): string => path.split(/[\\/]/).findLast((part) => part !== '') ?? path

/** A path as one reads it beside the workspace: from there on where it lies below, else in full. */
export function besideWorkspace(path: string, workspace: string | undefined): string {
  const below = workspace !== undefined && path.startsWith(workspace) ? path.slice(workspace.length) : ''
  return /^[\\/]./.test(below) ? below.slice(1) : path
}
