import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { chooseStart } from './first-start.ts'
import { rememberWorkspace } from './recent-workspaces.ts'

let home: string
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'drift-home-'))))
afterEach(() => rmSync(home, { recursive: true }))

const choose = (workspace?: string, demo = true) => chooseStart({ workspace, demo }, { DRIFT_HOME: home })

function makeWorkspace(name: string): string {
  const path = join(home, name)
  mkdirSync(path)
  writeFileSync(join(path, 'workspace.db'), '')
  rememberWorkspace(path, home)
  return path
}

it('the very first start makes the sample and runs the experiment', () => {
  expect(choose()).toEqual({ workspace: join(home, 'sample'), runsDemo: true })
})

it('later starts open the last workspace that still exists', () => {
  choose()
  const kept = makeWorkspace('kept')
  const gone = makeWorkspace('gone')
  rmSync(gone, { recursive: true })
  expect(choose()).toEqual({ workspace: kept, runsDemo: false })
})

it('a workspace served before the first start does not take its place', () => {
  makeWorkspace('served')
  expect(choose()).toEqual({ workspace: join(home, 'sample'), runsDemo: true })
})

it('the workspace asked for wins, and gets the experiment only when it is new and the start is the first', () => {
  expect(choose(join(home, 'mine'))).toEqual({ workspace: join(home, 'mine'), runsDemo: true })
  const full = makeWorkspace('full')
  expect(choose(full).runsDemo).toBe(false)
  expect(choose(join(home, 'another'))).toEqual({ workspace: join(home, 'another'), runsDemo: false })
})

it('--no-demo skips it', () => {
  expect(choose(undefined, false).runsDemo).toBe(false)
})

it('when every workspace is gone it is a first start again', () => {
  choose()
  expect(choose()).toEqual({ workspace: join(home, 'sample'), runsDemo: true })
})
