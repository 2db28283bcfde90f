/** The torch engine: `Engine` on PyTorch, transformers and PEFT in a worker process (CPU, CUDA, ROCm, MPS). */
import { randomUUID } from 'node:crypto'
import { delimiter, resolve } from 'node:path'
import { DEVICES_OF } from '../device.ts'
import type { Engine, LoadOptions, Model } from '../engine.ts'
import { InputError } from '../input-error.ts'
import { describeDeepspeed, readDeepspeed } from './deepspeed.ts'
import { torchPython, TORCH_RESOURCES } from './interpreter.ts'
import { loadTorchModel, torchThreads } from './model.ts'
import type { TorchOptions } from './options.ts'
import { ServedModel } from './served-model.ts'
import type { ModelPlace } from './served-model.ts'
import { VllmCopies, vllmLaunches } from './vllm.ts'
import { TorchWorker } from './worker.ts'
import type { WorkerLaunch } from './worker.ts'

/** How many machines share a run's processes; set by the run's script. */
const MACHINES = 'DRIFT_MACHINES'
const machinesOf = (env: NodeJS.ProcessEnv): number => Number(env[MACHINES] ?? 1)

/**
 * glibc gives pieces of 1 MiB and more back at once, whatever this process was told to do with its own. What it keeps
 * grows the peak by up to a half where pieces come and go between those that stay (LoRA, checkpointing), which no
 * estimate can know; without that the estimate is the peak within a fifth. It costs up to a quarter of the time on
 * the CPU, nothing on a GPU (docs/log.md). Other C libraries ignore these names.
 */
const ALLOCATOR = { MALLOC_MMAP_MAX_: '65536', MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576', MALLOC_ARENA_MAX: '2' }

/** One worker for all models of the engine; it is started with the first, and again where it has died. */
export function createTorchEngine(options: TorchOptions, launch = (): WorkerLaunch => launchOf(options, process.env)): Engine {
  let started: ReturnType<typeof TorchWorker.start> | undefined
  let worker: TorchWorker | undefined
  const start = async (): ReturnType<typeof TorchWorker.start> => {
    const known = await started?.catch(() => undefined)
    if (!known?.worker.isAlive) {
      started = TorchWorker.start(launch())
      worker = (await started).worker
    }
    return started as ReturnType<typeof TorchWorker.start>
  }
  return {
    name: 'torch',
    memory: () => worker?.memory ?? null,
    async describe() {
      const { hello } = await start()
      if (options.use_vllm && !hello.vllm) throw new InputError(`use_vllm: expected vLLM in ${torchPython(process.env)}, found none; \`pip install vllm\` there, or set use_vllm: false`)
      const zero = options.deepspeed === null ? [] : [`DeepSpeed ${hello.deepspeed ?? 'missing'} ${describeDeepspeed(readDeepspeed(options.deepspeed))}`]
      const settings = [...(options.dtype === 'float32' ? [] : [options.dtype]), ...(options.load_in_4bit ? ['4 bits'] : []), ...(options.num_processes === 1 ? [] : [`${options.num_processes} processes`]), ...zero, ...(options.use_vllm ? [`samples by vLLM ${hello.vllm}`] : [])]
      return [`torch ${hello.torch}, transformers ${hello.transformers}`, ...settings].join(', ')
    },
    async load(folder, loadOptions = {}) {
      const device = loadOptions.device ?? 'cpu'
      if (!DEVICES_OF.torch.includes(device)) throw new InputError(`device ${device}: expected ${DEVICES_OF.torch.join(', ')} with the torch engine; choose one of them, or engine embedded`)
      if (options.use_vllm && options.load_in_4bit) throw new InputError('load_in_4bit: expected false with use_vllm (vLLM would hold other weights than those that are trained), got true; change one of them')
      if (options.load_in_4bit && !loadOptions.adapter && !loadOptions.newAdapter) throw new InputError('load_in_4bit: expected an adapter to train or run on the quantized model, got none; set use_peft, or leave load_in_4bit out')
      if (options.deepspeed !== null && device === 'mps') throw new InputError('device mps: expected cpu or cuda with deepspeed; choose one of them, or leave deepspeed out')
      const loadInWorker = async (from: string, how: LoadOptions): Promise<Model> => loadTorchModel((await start()).worker, from, { ...how, device }, options)
      // A new adapter is in no folder yet: it is there to be trained.
      if (!options.use_vllm || loadOptions.newAdapter) return loadInWorker(folder, loadOptions)
      const launches = vllmLaunches(vllmLaunchOf(process.env), { processes: options.num_processes / machinesOf(process.env), parallel: options.vllm_tensor_parallel_size, device })
      const placeOf = (from: string, how: LoadOptions): ModelPlace => ({ load: () => loadInWorker(from, how), copies: new VllmCopies({ launches, folder: from, adapter: how.adapter, device, dtype: options.dtype, parallel: options.vllm_tensor_parallel_size }) })
      const path = resolve(folder)
      const threads = torchThreads(path, loadOptions)
      return new ServedModel({ folder: path, threads, device }, placeOf(path, loadOptions), (saved) => placeOf(saved, { threads }))
    },
    async close() {
      const known = await started?.catch(() => undefined)
      known?.worker.stop()
    },
  }
}

/**
 * @param machine 0 is the one that holds the run; the others' processes hear of each request from the first of it.
 * @throws InputError where there is no Python for it, or the machines cannot find each other.
 */
export function launchOf({ num_processes: processes, deepspeed = null }: Pick<TorchOptions, 'num_processes'> & Partial<TorchOptions>, env: NodeJS.ProcessEnv, machine = 0): WorkerLaunch {
  const worker = ['-m', 'drift_torch.worker']
  return {
    command: torchPython(env),
    args: processes === 1 && machine === 0 && deepspeed === null ? worker : ['-m', 'torch.distributed.run', ...rendezvous(processes, env, machine), ...worker],
    env: { ...pythonEnv(env), ...ALLOCATOR },
  }
}

/** Of one copy that samples; its memory is vLLM's own affair. */
export const vllmLaunchOf = (env: NodeJS.ProcessEnv): WorkerLaunch => ({ command: torchPython(env), args: ['-m', 'drift_torch.vllm_worker'], env: pythonEnv(env) })

function pythonEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...env,
    PYTHONPATH: [TORCH_RESOURCES, ...(env.PYTHONPATH ? [env.PYTHONPATH] : [])].join(delimiter),
    // Everything is on this machine; progress bars and notes of libraries would only push out the lines that matter.
    HF_HUB_OFFLINE: '1', TQDM_DISABLE: '1', TRANSFORMERS_VERBOSITY: 'error', PYTHONWARNINGS: 'ignore::FutureWarning', PYTHONDONTWRITEBYTECODE: '1', TOKENIZERS_PARALLELISM: 'false',
  }
}

/** torchrun's arguments: of one machine by a port of its own choice, of several by MASTER_ADDR and MASTER_PORT as the run's script sets them. */
function rendezvous(processes: number, env: NodeJS.ProcessEnv, machine: number): string[] {
  const machines = machinesOf(env)
  if (machine >= machines) throw new InputError(`${MACHINES}: expected the number of machines of the run, more than ${machine}, got ${env[MACHINES] ?? 'none'}; set it as on the first machine`)
  if (machines === 1) return ['--nnodes', '1', '--nproc-per-node', String(processes), '--rdzv-backend', 'c10d', '--rdzv-endpoint', 'localhost:0', '--rdzv-id', randomUUID()]
  if (!Number.isInteger(processes / machines)) throw new InputError(`${MACHINES}: expected a number of machines that divides num_processes ${processes}, got ${env[MACHINES]}; change one of them`)
  const { MASTER_ADDR: address, MASTER_PORT: port } = env
  if (!address || !port) throw new InputError(`${MACHINES} ${machines}: expected MASTER_ADDR and MASTER_PORT of the first machine, got ${address || 'none'} and ${port || 'none'}; \`drift run-script --machines ${machines}\` writes a script that sets them`)
  return ['--nnodes', String(machines), '--node-rank', String(machine), '--nproc-per-node', String(processes / machines), '--master-addr', address, '--master-port', port]
}
