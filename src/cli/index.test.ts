import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildProgram, verbsBelow } from './program.ts'

type Ended = { code: number; stdout: string; stderr: string }

function drift(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'index.ts'), ...args], (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }))
  })
}

describe('drift', () => {
  it('doctor finds what everything needs, as one JSON object', async () => {
    const { code, stdout } = await drift('doctor', '--json')
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] }
    expect(checks.map(({ name }) => name)).toEqual(['node', 'sqlite', 'onnx', 'electron', 'torch', 'gpu', 'webgpu'])
    expect(checks.slice(0, 3).map(({ ok }) => ok)).toEqual([true, true, true])
    expect(code).toBe(0)
  })

  it.each([
    [['docter'], "unknown command 'docter' (Did you mean doctor?)"],
    [['doctor', '--jsn'], "unknown option '--jsn' (Did you mean --json?)"],
    [['serve'], "required option '--workspace <dir>' not specified"],
    [['serve', '--workspace', 'w', '--port', '70000'], 'expected a number from 0 to 65535.'],
    [['resume', 'a-run', '--workspace', 'w', '--device', 'cpu'], '--device: expected --engine with it'],
    [['run-script', 'resources/no-recipe.yaml', '--workspace', 'w', '--machines', '0'], 'expected a whole number of at least 1.'],
    [['open', 'extra'], "too many arguments for 'open'"],
  ])('%j is bad usage: exit 2, one line that says what to do', async (args, message) => {
    const { code, stdout, stderr } = await drift(...args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it('lists its verbs, and ends with 2 where none was given', async () => {
    expect(await drift('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('doctor') as string })
    expect(await drift()).toMatchObject({ code: 2, stdout: '' })
  })

  it('every verb explains itself and takes --json', async () => {
    for (const verb of verbsBelow(await buildProgram())) {
      expect(verb.description(), verb.name()).not.toBe('')
      expect(verb.options.map(({ long }) => long), verb.name()).toContain('--json')
    }
  })
})
