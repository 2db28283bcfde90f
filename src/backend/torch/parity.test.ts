import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { writeRandomModel } from '../../../tests/reference/random-model.ts'
import { hasTorch } from '../../../tests/support/torch.ts'
import type { ParityReport } from '../../shared/engines.ts'
import { recipeSchema } from '../../shared/recipe.ts'
import { appVersion } from '../version.ts'
import { adviseParity, checkParity, parityOf, parityOfRun, readParity } from './parity.ts'

const home = mkdtempSync(join(tmpdir(), 'drift-parity-'))
const model = writeRandomModel()
afterAll(() => [home, model].forEach((folder) => rmSync(folder, { recursive: true })))
const env = { ...process.env, DRIFT_HOME: home }
const VERSIONS = 'torch 2.13.0, transformers 5.24.0'
const report: ParityReport = { model: '/models/a', modelHash: 'abc', device: 'cpu', embedded: appVersion, torch: VERSIONS, figures: [{ name: 'loss', difference: 3e-7, tolerance: 1e-4 }, { name: 'weights', difference: 5e-4, tolerance: 1e-3 }], agrees: true, at: 0 }
const keep = (reports: ParityReport[]): void => {
  mkdirSync(join(home, 'torch'), { recursive: true })
  writeFileSync(join(home, 'torch', 'parity.json'), JSON.stringify(reports))
}
const noteOf = (run: Parameters<typeof parityOf>[0], { folder = model, free = 0, signal = new AbortController().signal } = {}): Promise<string> => parityOf(run, folder, { db: null, env, free, signal, note: () => {} })
const run = { modelHash: 'abc', device: 'cpu', torch: VERSIONS } as const

describe('what a run says about parity', () => {
  it('is the comparison of its model, device and versions, whatever its other settings', async () => {
    keep([report])
    const note = 'agrees with the embedded engine on cpu in float32 (nearest to its limit: weights 5.0e-4, at most 0.001)'
    expect(await noteOf(run)).toBe(note)
    expect(await noteOf({ ...run, torch: `${VERSIONS}, bfloat16, 2 processes` })).toBe(note)
  })

  it.each([{ modelHash: 'abd' }, { device: 'cuda' as const }, { torch: 'torch 2.13.1, transformers 5.24.0' }])('is, of %o, which nobody compared, what a comparison would take where there is no room for it', async (other) => {
    keep([report])
    expect(await noteOf({ ...run, ...other })).toMatch(/^not compared with the embedded engine: that takes about \d+ MB of memory, 0 MB are free; where there is more, `drift engine parity --model /)
    expect(readParity(env)).toEqual([report])
  })

  it('is why the engines cannot be compared, where one of them cannot load the model', async () => {
    keep([])
    expect(await noteOf(run, { folder: home, free: 1e9 })).toMatch(/^could not be compared with the embedded engine: .*config\.json/)
  })

  it('has the badge of the comparison of its folder, device and versions', () => {
    const recipe = recipeSchema.parse({ recipe: 'drift', model_name_or_path: 'm', dataset: 'd', engine: 'torch' })
    keep([report])
    expect(parityOfRun(recipe, '/models/a', `torch 0.1.0, linux-x64, 2 threads, ${VERSIONS}, bfloat16`, env)).toEqual(report)
    expect(parityOfRun(recipe, '/models/a', 'torch 0.1.0, linux-x64, 2 threads, torch 2.12.0, transformers 5.24.0', env)).toBeNull()
    expect(parityOfRun({ ...recipe, device: 'cuda' }, '/models/a', `torch 0.1.0, linux-x64, 2 threads, cuda, ${VERSIONS}`, env)).toBeNull()
    expect(parityOfRun(recipe, '/models/a', null, env)).toBeNull()
  })

  it('names what differs, a figure that is no number included', async () => {
    keep([{ ...report, agrees: false, figures: [{ name: 'loss', difference: null, tolerance: 1e-4 }, { name: 'rewards', difference: 0.02, tolerance: 1e-4 }, { name: 'weights', difference: 5e-4, tolerance: 1e-3 }] }])
    expect(await noteOf(run)).toBe('DIFFERS from the embedded engine on cpu in float32 (loss no number, at most 0.0001; rewards 2.0e-2, at most 0.0001)')
  })

  it('stands as a warning at a recipe for the torch engine until its model has been compared', () => {
    const recipe = recipeSchema.parse({ recipe: 'drift', model_name_or_path: 'm', dataset: 'd', engine: 'torch' })
    keep([])
    expect(adviseParity(recipe, '/models/a', env)).toMatchObject([{ path: 'torch', message: expect.stringContaining('not compared with the embedded engine on this model and device yet') as string }])
    expect(adviseParity({ ...recipe, engine: 'embedded' }, '/models/a', env)).toEqual([])
    keep([report])
    expect(adviseParity(recipe, '/models/a', env)).toEqual([])
  })

  it.skipIf(!hasTorch)('is measured before the run where it is not known, kept, and replaced by the next comparison', async () => {
    keep([report])
    expect(await noteOf({ modelHash: 'other', device: 'cpu', torch: '' }, { free: 1e9 })).toMatch(/^agrees with the embedded engine on cpu/)
    for (let i = 0; i < 2; i++) expect(await checkParity({ model, device: 'cpu' }, null, env)).toMatchObject({ model, agrees: true, device: 'cpu' })
    const [newest, ...others] = readParity(env)
    expect(others).toEqual([report])
    expect(await noteOf(newest!)).toMatch(/^agrees with the embedded engine on cpu/)
  }, 60_000)
})
