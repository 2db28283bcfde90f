/** A run as a shell script, plain or for SLURM: started there, continued by starting it again. On one machine or several, and any number of their GPUs. */
import type { Recipe } from '../shared/recipe.ts'

export type RunScript = { recipe: Recipe; /** What the recipe was read from; the script brings it along. */ yaml: string; /** Absolute, as the machine sees it that runs the script. */ workspace: string; name: string; slurm: boolean; /** That share the processes of the torch engine. */ machines: number }

/** Time a run gets to finish its unit of work before SLURM ends the job. */
const NOTICE_S = 300
export const fileName = (name: string): string => name.replaceAll(/[^\w.-]+/g, '-')
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export function runScript({ recipe, yaml, workspace, name, slurm, machines }: RunScript): string {
  const { torch, device, engine, threads } = recipe
  // A line of the recipe must not end it.
  const end = yaml.split('\n').includes('RECIPE') ? 'END_OF_RECIPE' : 'RECIPE'
  const gpus = engine === 'torch' && device === 'cuda' ? torch.num_processes / machines : 0
  const header = slurm
    ? [
        `#SBATCH --job-name=${fileName(name)}`,
        `#SBATCH --nodes=${machines}`,
        '#SBATCH --ntasks-per-node=1',
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
    `# ${recipe.recipe} on the ${engine} engine${engine === 'torch' ? `, ${torch.num_processes} process${torch.num_processes === 1 ? '' : 'es'} on ${device}${machines > 1 ? ` of ${machines} machines` : ''}` : ''}. Started again, it goes on where it was.`,
    'set -euo pipefail',
    '',
    `# How drift is started here; from a clone: DRIFT='npm run -s drift --prefix /path/to/clone --'`,
    'read -ra drift <<< "${DRIFT:-drift}"',
    `workspace=${quoted(workspace)}`,
    `name=${quoted(name)}`,
    ...(engine === 'torch'
      ? ['# The Python of `drift engine install torch`; uncomment to name another.', '# export DRIFT_PYTHON=/path/to/env/bin/python']
      : []),
    ...(machines > 1 ? severalMachines({ processes: torch.num_processes, machines, slurm }) : []),
    '',
    '# Everything a run makes lies in the workspace. Its database is SQLite in WAL mode: only processes of THIS machine may',
    '# have it open meanwhile, and it must not lie on NFS. To follow the run live from elsewhere, on this machine:',
    '#   drift serve --workspace "$workspace" --port 4820, and on yours: ssh -L 4820:127.0.0.1:4820 THIS-MACHINE',
    '',
    `recipe="$workspace"/exports/${quoted(`${fileName(name)}.yaml`)}`,
    'mkdir -p "$(dirname "$recipe")"',
    `cat > "$recipe" <<'${end}'`,
    yaml.trimEnd(),
    end,
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

/** The first machine has the run and its database; the others lend it processes until it ends. */
function severalMachines({ processes, machines, slurm }: { processes: number; machines: number; slurm: boolean }): string[] {
  const join = (machine: string): string => `"\${drift[@]}" engine join torch --processes ${processes} --machine ${machine}`
  return [
    '',
    `export DRIFT_MACHINES=${machines} MASTER_PORT="\${MASTER_PORT:-29400}"`,
    '# Workspace and base model lie on a disk that all machines see, and so do the files that processes hand each other.',
    'export TMPDIR="$workspace/tmp"',
    'mkdir -p "$TMPDIR"',
    ...(slurm
      ? ['export MASTER_ADDR="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"', `for machine in $(seq ${machines - 1}); do srun --nodes=1 --ntasks=1 --relative="$machine" ${join('"$machine"')} & done`]
      : [
          `# On every machine: MASTER_ADDR=ADDRESS-OF-THE-FIRST bash THIS-SCRIPT, and on the others MACHINE=1${machines > 2 ? `, 2 … ${machines - 1}` : ''} before it.`,
          'export MASTER_ADDR="${MASTER_ADDR:?the address of the first machine}"',
          `if [ "\${MACHINE:-0}" -gt 0 ]; then exec ${join('"$MACHINE"')}; fi`,
        ]),
  ]
}
