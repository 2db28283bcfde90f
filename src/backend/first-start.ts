/**
 * Which workspace a start opens, the same for every host: the one asked for, else the last one that still
 * exists, else the sample. The built-in experiment runs by itself on the very first start of a machine only.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { configFolder, recentWorkspaces } from './recent-workspaces.ts'

export type Start = { workspace: string; runsDemo: boolean }

/** Remembers that this machine has started. `DRIFT_HOME` replaces the folder that the sample is made in. */
export function chooseStart(asked: { workspace?: string | undefined; demo: boolean }, env: NodeJS.ProcessEnv = process.env): Start {
  const settings = configFolder(env)
  const marker = join(settings, 'started')
  const last = recentWorkspaces(settings).find(({ path }) => isWorkspace(path))?.path
  const isFirst = last === undefined || !existsSync(marker)
  const sample = join(env['DRIFT_HOME'] || join(homedir(), 'DRIFT Workbench'), 'sample')
  const workspace = resolve(asked.workspace ?? (isFirst ? sample : last))
  try {
    mkdirSync(settings, { recursive: true })
    writeFileSync(marker, '')
  } catch {
    // Without a settings folder every start is the first one: no reason not to start.
  }
  return { workspace, runsDemo: asked.demo && isFirst && !isWorkspace(workspace) }
}

const isWorkspace = (folder: string) => existsSync(join(folder, 'workspace.db'))
