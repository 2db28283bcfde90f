/** What the quick experiment does not bring and its pages need: logs with markdown and rows set aside, a race with control arms at four temperatures, judged evaluations. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { writeEvaluationFiles } from '../tests/support/evaluation-files.ts'

export const LOG = 'logs/support-desk.jsonl'
/** Pairs of that log, with what lint is for. */
export const PAIRS = 'support-pairs'
export const RACE = 'control arms'
/** What two models answered, for a duel, below the workspace. */
export const DUEL = ['judged/aster-7b.json', 'judged/cedar-3b.json'] as const
const TEMPERATURES = [0, 0.3, 0.7, 1]
const ARMS = ['drift', 'drift-unguided', 'spin'] as const

type Said = { role: 'user' | 'assistant'; content: string }
const say = (...turns: string[]): Said[] => turns.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }))
const CHATS: Said[][] = [
  say(
    'How do I read a CSV in Python and keep the first column as text?',
    'Two ways, depending on what you have installed.\n\n### With pandas\n```python\nimport pandas as pd\n\nframe = pd.read_csv("orders.csv", dtype={0: str})\n```\n\n### Without\n```python\nimport csv\n\nwith open("orders.csv", newline="") as file:\n    rows = list(csv.DictReader(file))\n```\n\n| way | types | memory |\n|---|---|---:|\n| `pandas` | guessed, `dtype` overrules | whole file |\n| `csv` | always text | one row |\n\n> The `csv` module never guesses: leading zeros stay.',
    'No, that does not work: dtype by position is ignored in my version.',
    'You are right, older versions match `dtype` by **name** alone. Read the header first:\n\n1. open the file and take the first name,\n2. pass it on:\n\n```python\nname = pd.read_csv("orders.csv", nrows=0).columns[0]\nframe = pd.read_csv("orders.csv", dtype={name: str})\n```',
    'Perfect, thanks!',
  ),
  say('Give me three names for a bakery in a lighthouse.', '- **Beacon Bread**\n- *The Crumbling Light*\n- Lamp & Loaf', 'Shorter please, one word each.', '- Beacon\n- Crumb\n- Lantern', 'Great, the last one.'),
  say('What changed in the refund policy?', 'Refunds take *14 days* now, ~~30~~ before. See section 4.', 'That is wrong, section 4 is about shipping.', 'Sorry: section 6, “Returns”.', 'ok'),
  say('What do I write to a customer whose parcel is late?', 'Dear customer, it will come.', 'No, that is wrong: say whom to ask.', 'Sorry for the wait. Ana will look after it: ana.lopez@example.org or +1 202 555 0173.', 'Perfect, thanks!'),
  say('Say “good morning” in Spanish.', 'Buenos días.', 'No, try again.', 'Buenos días.', 'Thank you, works.'),
  say('Put this contract into two lines.', 'It is a lease.', 'That is wrong, two lines.', "I'm sorry, but I can't help with that.", 'Thanks, never mind.'),
  say('Write a regex for dates like 2026-03-01.', '`^\\d{4}-\\d{2}-\\d{2}$` matches the form, also of days that do not exist.', 'It should reject month 13.', '`^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$`', 'Thank you, works.'),
]
const PLACES = ['Lisbon', 'Oslo', 'Kyoto', 'Lima', 'Accra', 'Turin', 'Quito', 'Riga', 'Porto', 'Hanoi', 'Graz', 'Bergen']
const ROWS = [
  ...CHATS,
  ...PLACES.map((place, i) => say(`Plan one day in ${place}, on foot.`, `1. **Morning**: the market of ${place}\n2. **Noon**: the old quarter\n3. **Evening**: a walk by the water`, i % 3 === 0 ? 'I asked for a plan on foot, the market is ten kilometres out!' : 'Nice, that helps.', i % 3 === 0 ? 'Then leave the market out and begin in the old quarter.' : 'Enjoy it.')),
].map((messages) => JSON.stringify({ messages, model: 'support-desk-2', language: 'English' }))
const BAD_ROWS = ['{"messages": [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "conte', '{"messages": "user: hello\\nassistant: hi"}', '{"messages": [{"role": "user", "content": "Cancel it."}, {"role": "helper", "content": "Done."}]}']

/** @param workspace one with a finished quick experiment; one that has all this stays as it is */
export function addContent(workspace: string): void {
  const drift = (...args: string[]): string => execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', 'src', 'cli', 'index.ts'), ...args, '--workspace', workspace], { cwd: workspace, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 })
  const { runs } = JSON.parse(drift('runs', '--json')) as { runs: { name: string }[] }
  if (runs.some(({ name }) => name.startsWith('drift-unguided'))) return
  const write = (name: string, content: string): void => {
    mkdirSync(join(workspace, name, '..'), { recursive: true })
    writeFileSync(join(workspace, name), content)
  }
  write(LOG, [...ROWS, ...BAD_ROWS].join('\n'))
  drift('import', LOG)
  drift('signals', 'run', '--detector', 'rules')
  drift('dataset', 'build', '--name', PAIRS, '--kind', 'preference', '--conversations', 'source:support-desk')
  const { annotations, scores, difficulty, tags } = writeEvaluationFiles(join(workspace, 'judged'))
  for (const file of Object.values(annotations)) drift('eval', 'alpacaeval', '--annotations', file, '--difficulty', difficulty)
  for (const file of Object.values(scores)) drift('eval', 'wildbench', '--scores', file, '--tags', tags)
  for (const [i, file] of DUEL.entries()) write(file, JSON.stringify(PLACES.map((place, at) => ({ instruction: `Plan one day in ${place}, on foot.`, output: (at + i) % 2 === 0 ? `Morning: the old quarter of ${place}. Noon: soup by the bridge. Evening: the path along the water, forty minutes.` : `${place} has many sights. Take a bus to the market, then decide.`, generator: file.slice('judged/'.length, -'.json'.length) }))))
  for (const arm of ARMS) {
    const recipe = parse(readFileSync(join(workspace, 'recipes', `${arm === 'spin' ? 'spin' : 'drift'}.yaml`), 'utf8')) as { evaluation: object[] }
    write(`recipes/arms/${arm}.yaml`, stringify({ ...recipe, recipe: arm, canary_steps: 8, evaluation: recipe.evaluation.map((one) => ({ ...one, temperatures: TEMPERATURES })) }))
  }
  write('recipes/arms/race.yaml', stringify({ name: RACE, regime: 'equal-pairs', declared: { metric: 'score', temperature: [1], pairs: [['drift', 'drift-unguided'], ['drift', 'spin']] }, seeds: [1, 2], members: ARMS.map((arm) => ({ recipe: `${arm}.yaml` })) }))
  drift('race', join(workspace, 'recipes', 'arms', 'race.yaml'))
}
