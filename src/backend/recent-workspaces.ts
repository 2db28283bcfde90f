/** The workspaces this user opened lately: a small JSON file in the user's configuration folder. */
import { readFileSync } from 'node:fs'
import { homedir, platform } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from './write-lines.ts'

const entriesSchema = z.array(z.object({ path: z.string(), openedAt: z.string() }))
export type RecentWorkspace = z.infer<typeof entriesSchema>[number]
const KEPT = 20

/** `DRIFT_HOME`, else the platform's place for an application's settings. */
export function configFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['DRIFT_HOME']) return env['DRIFT_HOME']
  if (platform() === 'win32') return join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'drift-workbench')
  if (platform() === 'darwin') return join(homedir(), 'Library', 'Application Support', 'drift-workbench')
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'drift-workbench')
}

/** Newest first. A missing or broken file is an empty list: nothing but a menu depends on it. */
export function recentWorkspaces(folder: string = configFolder()): RecentWorkspace[] {
  try {
    return entriesSchema.parse(JSON.parse(readFileSync(join(folder, 'recent.json'), 'utf8')))
  } catch {
    return []
  }
}

/** Puts a workspace first. A configuration folder that cannot be written does not keep a workspace from opening. */
export function rememberWorkspace(path: string, folder: string = configFolder(), now: Date = new Date()): void {
  const entries = [{ path, openedAt: now.toISOString() }, ...recentWorkspaces(folder).filter((entry) => entry.path !== path)].slice(0, KEPT)
  try {
    writeWhole(join(folder, 'recent.json'), JSON.stringify(entries, null, 1))
  } catch (error) {
    console.error(`recent workspaces are not kept: ${error instanceof Error ? error.message : String(error)}`)
  }
}
