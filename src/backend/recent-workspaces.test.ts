import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aFolder } from '../../tests/support/workspace.ts'
import { configFolder, recentWorkspaces, rememberWorkspace } from './recent-workspaces.ts'

test('the newest is first, each once, and not more than twenty', () => {
  const folder = join(aFolder(), 'config')
  for (let i = 0; i < 30; i++) rememberWorkspace(`/w${i}`, folder, new Date(i))
  rememberWorkspace('/w20', folder, new Date(99))
  const found = recentWorkspaces(folder)
  expect(found.length).toBe(20)
  expect(found.slice(0, 3).map(({ path }) => path)).toEqual(['/w20', '/w29', '/w28'])
  expect(found.filter(({ path }) => path === '/w20').length).toBe(1)
})

test('a missing or broken list is empty', () => {
  const folder = aFolder()
  expect(recentWorkspaces(folder)).toEqual([])
  writeFileSync(join(folder, 'recent.json'), '{"no": "list"}')
  expect(recentWorkspaces(folder)).toEqual([])
})

test('DRIFT_HOME comes before the platform’s folder', () => {
  expect(configFolder({ DRIFT_HOME: '/d', XDG_CONFIG_HOME: '/x' })).toBe('/d')
})
