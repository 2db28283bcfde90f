/**
 * npm run bench -- [demo|interface|install|memory …] [--full] [--retrain] [--seed N]: measurements beside their
 * thresholds. They inform, they do not judge: the exit code is 0 unless something could not be measured.
 */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { measureDemo } from './demo.ts'
import { printFigure } from './figure.ts'
import { measureInstall } from './install.ts'
import { measureInterface } from './interface.ts'
import { measureMemory } from './memory.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { full: { type: 'boolean', default: false }, retrain: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
})
const benches = {
  demo: () => measureDemo({ full: values.full, retrain: values.retrain, seed: Number(values.seed) }),
  interface: () => measureInterface(),
  install: () => measureInstall(),
  memory: () => measureMemory(),
}
type BenchName = keyof typeof benches

const isBench = (name: string): name is BenchName => Object.hasOwn(benches, name)
const unknown = positionals.filter((name) => !isBench(name))
if (unknown.length > 0) {
  console.error(`npm run bench: expected ${Object.keys(benches).join(', ')}, got ${unknown.join(', ')}`)
  process.exit(2)
}
const chosen = positionals.length > 0 ? positionals.filter(isBench) : (Object.keys(benches) as BenchName[])
console.log(`${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}, load ${loadavg()[0]!.toFixed(1)} at the start`)
for (const name of chosen) {
  console.log(`\n${name}`)
  for await (const figure of benches[name]()) printFigure(figure)
}
