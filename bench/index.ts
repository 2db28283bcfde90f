/**
 * npm run bench -- [demo|interface|install|memory|review|train|sample|iteration|scale|import|compare|detector|search|browse|responsive|runs|charts|race|torch|torch-memory|torch-vllm …] [--full] [--retrain] [--seed N]
 * [--case a,b] [--rounds N]: measurements beside their thresholds. They inform, they do not judge: the exit code is 0
 * unless something could not be measured. train, sample, iteration and torch install the peers they compare with on first
 * use (gigabytes) and take minutes, scale makes large models, import and charts --full write gigabytes: they run only where they are named.
 */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { SetupError } from '../scripts/setup.mjs'
import { measureBrowse } from './browse.ts'
import { measureCharts } from './charts.ts'
import { measureCompare } from './compare.ts'
import { measureDemo } from './demo.ts'
import { measureDetector } from './detector.ts'
import { type Absence, type Figure, printFigure } from './figure.ts'
import { IMPORT_CASES, measureImport } from './import.ts'
import { measureInstall } from './install.ts'
import { measureInterface } from './interface.ts'
import { measureIteration } from './iteration.ts'
import { measureMemory } from './memory.ts'
import { measureRace } from './race.ts'
import { measureResponsive, RESPONSIVE_CASES } from './responsive.ts'
import { measureReview } from './review.ts'
import { measureRuns } from './runs.ts'
import { measureSample, SAMPLE_CASES } from './sample.ts'
import { measureScale, SCALE_CASES } from './scale.ts'
import { measureSearch } from './search.ts'
import { peerPython } from './peers/environment.ts'
import { measureTorchMemory } from './torch-memory.ts'
import { measureTorchScreen } from './torch-screen.ts'
import { measureTorchVllm } from './torch-vllm.ts'
import { measureTrain, TORCH_TRAIN_CASES, TRAIN_CASES } from './train.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { full: { type: 'boolean', default: false }, retrain: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' }, case: { type: 'string' }, rounds: { type: 'string' } },
})
const rounds = Number(values.rounds ?? 3)
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds: expected a whole number from 1, got ${values.rounds}`)

const SCREEN_CASE = 'torch-screen'
const TORCH_CASES = [...TORCH_TRAIN_CASES, SCREEN_CASE]

type Bench = { measure: () => AsyncGenerator<Figure | Absence>; onlyByName?: true; cases?: readonly string[] }
const benches: Record<string, Bench> = {
  demo: { measure: () => measureDemo({ full: values.full, retrain: values.retrain, seed: Number(values.seed) }) },
  interface: { measure: measureInterface },
  install: { measure: measureInstall },
  memory: { measure: measureMemory },
  review: { measure: measureReview, onlyByName: true },
  train: { measure: () => measureTrain({ cases: casesOf(TRAIN_CASES), rounds }), cases: TRAIN_CASES, onlyByName: true },
  sample: { measure: () => measureSample({ cases: casesOf(SAMPLE_CASES), rounds }), cases: SAMPLE_CASES, onlyByName: true },
  iteration: { measure: () => measureIteration({ rounds }), onlyByName: true },
  import: { measure: () => measureImport({ cases: casesOf(IMPORT_CASES), full: values.full, rounds }), cases: IMPORT_CASES, onlyByName: true },
  torch: { measure: measureTorch, cases: TORCH_CASES, onlyByName: true },
  'torch-memory': { measure: measureTorchMemory, onlyByName: true },
  'torch-vllm': { measure: () => measureTorchVllm(rounds), onlyByName: true },
  compare: { measure: () => measureCompare({ seed: Number(values.seed) }) },
  detector: { measure: () => measureDetector({ full: values.full }), onlyByName: true },
  browse: { measure: measureBrowse, onlyByName: true },
  responsive: { measure: () => measureResponsive({ cases: casesOf(RESPONSIVE_CASES) }), cases: RESPONSIVE_CASES, onlyByName: true },
  runs: { measure: measureRuns, onlyByName: true },
  charts: { measure: () => measureCharts({ steps: values.full ? 100_000 : 10_000 }), onlyByName: true },
  race: { measure: () => measureRace({ seed: Number(values.seed) }), onlyByName: true },
  search: { measure: () => measureSearch({ seed: Number(values.seed) }), onlyByName: true },
  scale: { measure: () => measureScale({ cases: casesOf(SCALE_CASES), rounds }), cases: SCALE_CASES, onlyByName: true },
}

const unknown = positionals.filter((name) => !Object.hasOwn(benches, name))
if (unknown.length > 0) fail(`expected ${Object.keys(benches).join(', ')}, got ${unknown.join(', ')}`)
const named = Object.entries(benches).filter(([name, { onlyByName }]) => (positionals.length > 0 ? positionals.includes(name) : !onlyByName))
const known = named.flatMap(([, { cases }]) => cases ?? [])
const strange = (values.case?.split(',') ?? []).filter((name) => !known.includes(name))
if (strange.length > 0) fail(`--case: expected ${known.length > 0 ? known.join(', ') : 'no case for this bench'}, got ${strange.join(', ')}`)
const chosen = named.filter(([, { cases }]) => cases === undefined || casesOf(cases).length > 0)

// What is being measured goes with the bench, also where that is cut off.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

console.log(`${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}, load ${loadavg()[0]!.toFixed(1)} at the start`)
try {
  for (const [name, { measure }] of chosen) {
    console.log(`\n${name}`)
    for await (const figure of measure()) printFigure(figure)
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  console.error(`npm run bench: ${error.message}`)
  process.exit(1)
}

async function* measureTorch(): AsyncGenerator<Figure | Absence> {
  const cases = casesOf(TORCH_TRAIN_CASES)
  if (cases.length > 0) yield* measureTrain({ cases, rounds: values.rounds === undefined ? 1 : rounds })
  if (casesOf([SCREEN_CASE]).length > 0) yield* measureTorchScreen(await peerPython())
}

/** Of a bench's cases those that --case names; all where it is left out. */
function casesOf(all: readonly string[]): string[] {
  const wanted = values.case?.split(',')
  return all.filter((name) => wanted?.includes(name) ?? true)
}

function fail(message: string): never {
  console.error(`npm run bench: ${message}`)
  process.exit(2)
}
