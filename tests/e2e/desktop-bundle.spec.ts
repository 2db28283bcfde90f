/** The desktop app's backend as it is bundled, run by plain Node: what it starts and reads beside its code is found. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const out = join(import.meta.dirname, '..', '..', 'out')
let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'drift-bundle-'))))
afterAll(() => rmSync(folder, { recursive: true }))

/** Answers from a process of its own that has opened the bundled backend. */
async function inBundle(body: string): Promise<unknown> {
  const script = `const { openBackend } = await import(${JSON.stringify(join(out, 'backend', 'index.js'))})
    const backend = await openBackend({ workspace: ${JSON.stringify(join(folder, 'workspace'))}, host: 'electron' })
    const call = (name, input = {}) => backend.call(name, input)
    const answer = await (async () => { ${body} })()
    await backend.close()
    console.log(JSON.stringify(answer))
    process.exit()`
  // A file, because worker threads inherit --eval and its kind from the command line.
  const file = join(folder, 'ask.mjs')
  writeFileSync(file, script)
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env: { ...process.env, DRIFT_HOME: folder } })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null')
}

it('imports conversations through its worker thread', async () => {
  const file = join(folder, 'logs.jsonl')
  writeFileSync(file, `${JSON.stringify({ messages: [{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'hi' }] })}\n`)
  const info = await inBundle(`
    const { jobId } = await call('imports.start', { files: [${JSON.stringify(file)}] })
    for (;;) {
      const job = (await call('jobs.list')).find(({ id }) => id === jobId)
      if (!job || job.status !== 'running') break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return await call('workspace.info')`)
  expect(info).toMatchObject({ host: 'electron', counts: { conversations: 1 } })
})

it('finds its engine, database and the shipped base model', async () => {
  const { checks, estimate } = (await inBundle("return { ...(await call('doctor.run')), estimate: await call('demo.estimate') }")) as { checks: { name: string; ok: boolean; detail: string }[]; estimate: { quickMinutes: number } }
  expect(checks.filter(({ ok }) => ok).map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'sqlite', 'onnx']))
  // The probe's own process was found and answered, whatever it found.
  expect(checks.find(({ name }) => name === 'webgpu')?.detail).toMatch(/an adapter is here|expected a graphics adapter/)
  expect(estimate.quickMinutes).toBeGreaterThan(0)
})
