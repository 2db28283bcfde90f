/** A run as a shell script, plain or for SLURM: started there, continued by starting it again. One machine, any number of its GPUs. */
import type { Recipe } from '../shared/recipe.ts'

export type RunScript = { recipe: Recipe; /** Absolute. */ file: string; /** Absolute. */ workspace: string; name: string; slurm: boolean }

/** Time a run gets to finish its unit of work before SLURM ends the job. */
const NOTICE_S = 300
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export function runScript({ recipe, file, workspace, name, slurm }: RunScript): string {
  const { torch, device, engine, threads } = recipe
  const gpus = engine === 'torch' && device === 'cuda' ? torch.num_processes : 0
  const header = slurm
    ? [
        `#SBATCH --job-name=${name.replaceAll(/[^\w.-]+/g, '-')}`,
        '#SBATCH --nodes=1',
        '#SBATCH --ntasks=1',
        `#SBATCH --cpus-per-task=${Math.max(threads ?? 4, 4 * gpus)}`,
        ...(gpus > 0 ? [`#SBATCH --gpus-per-node=${gpus}`] : []),
        '#SBATCH --time=24:00:00',
        '#SBATCH --output=%x-%j.log',
        `#SBATCH --signal=B:TERM@${NOTICE_S}`,
        '# Add what your cluster asks for: --account, --partition, --mem.',
      ]
    : []
  return `${[
    '#!/usr/bin/env bash',
    ...header,
    `# ${recipe.recipe} on the ${engine} engine${engine === 'torch' ? `, ${torch.num_processes} process${torch.num_processes === 1 ? '' : 'es'} on ${device}` : ''}. Started again, it goes on where it was.`,
    'set -euo pipefail',
    '',
    `# How drift is started here; from a clone: DRIFT='npm run -s drift --prefix /path/to/clone --'`,
    'read -ra drift <<< "${DRIFT:-drift}"',
    `workspace=${quoted(workspace)}`,
    `recipe=${quoted(file)}`,
    `name=${quoted(name)}`,
    ...(engine === 'torch'
      ? ['# The Python of `drift engine install torch`; uncomment to name another.', '# export DRIFT_PYTHON=/path/to/env/bin/python', '# The processes of one run find each other on this machine by a port of their own choice: MASTER_ADDR and the like are not read.']
      : []),
    '',
    '# Everything a run makes lies in the workspace. Its database is SQLite in WAL mode: only processes of THIS machine may',
    '# have it open meanwhile, and it must not lie on NFS. To follow the run live from elsewhere, on this machine:',
    '#   drift serve --workspace "$workspace" --port 4820, and on yours: ssh -L 4820:127.0.0.1:4820 THIS-MACHINE',
    '',
    `run=$("\${drift[@]}" runs --workspace "$workspace" --json | tr '{' '\\n' | grep -F '"name":'${quoted(JSON.stringify(name))} | head -n 1 | cut -d '"' -f 4 || true)`,
    'if [ -n "$run" ]; then command=(resume "$run"); else command=(run "$recipe" --name "$name"); fi',
    '',
    '# Told to end, the run finishes its unit of work and pauses (exit 130): start this script again to go on.',
    '"${drift[@]}" "${command[@]}" --workspace "$workspace" --json &',
    'child=$!',
    "trap 'kill -TERM \"$child\"' TERM INT",
    'while kill -0 "$child" 2>/dev/null; do wait "$child" && code=0 || code=$?; done',
    'exit "${code:-1}"',
  ].join('\n')}\n`
}
