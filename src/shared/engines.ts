/** The torch engine's environment as an interface sees it. */
export const TORCH_PLATFORMS = ['linux-cpu', 'linux-cuda', 'linux-rocm', 'macos-mps', 'windows-cpu'] as const
export type TorchPlatform = (typeof TORCH_PLATFORMS)[number]

/** What an installation will do here, before it does anything. */
export type TorchPlan = {
  platform: TorchPlatform
  /** Has this lock been installed and verified by the project, and where its versions come from. */
  proven: boolean
  source: string
  /** Where the environment will lie. */
  folder: string
  tool: 'uv' | 'pip'
  /** The Python that the environment is made from; null where uv brings one. */
  python: string | null
  packages: { name: string; version: string; bytes: number; installed: boolean }[]
  /** Still to be downloaded. */
  downloadBytes: number
  /** Needed for what is still to come, unpacked, and free there; null where the system does not say. */
  diskBytes: number
  freeBytes: number | null
}

export type TorchDevice = {
  name: string
  kind: 'cpu' | 'cuda' | 'rocm' | 'mps'
  label: string
  total_bytes: number | null
  free_bytes: number | null
  other_processes: { pid: number; name: string; bytes: number | null }[]
  dtypes: string[]
  computes: boolean
}

export type TorchVersions = Record<'python', string> & Record<'torch' | 'transformers' | 'peft' | 'accelerate' | 'safetensors' | 'vllm' | 'bitsandbytes' | 'flash_attn' | 'deepspeed', string | null>

/** As `drift_torch.capabilities` prints them. */
export type TorchCapabilities = { versions: TorchVersions; devices: TorchDevice[]; error: string | null }

/** How the error of a run begins whose engine is no longer the one it was computed with; it goes on when somebody asks for that. */
export const ENGINE_CHANGED = 'engine changed:'

/** What the embedded and the torch engine computed alike, or not, for one model on one device. */
export type ParityReport = {
  /** Folder when it was measured, and the hash of what lies there. */
  model: string
  modelHash: string
  /** Of the torch engine; the embedded one computes on the CPU. */
  device: 'cpu' | 'cuda' | 'mps'
  /** App version, and torch's and transformers' as the engine says them. */
  embedded: string
  torch: string
  figures: { name: string; difference: number | null; tolerance: number }[]
  agrees: boolean
  /** Unix milliseconds. */
  at: number
}

export type TorchState = {
  /** none: nothing set up; own: the app's environment; pointed: a recorded interpreter; environment: DRIFT_PYTHON. */
  from: 'none' | 'own' | 'pointed' | 'environment'
  python: string | null
  /** Folder of the app's own environment, and what it takes on disk where it is there. */
  folder: string
  bytes: number | null
  capabilities: TorchCapabilities | null
  /** Why it does not work, and what to do. */
  problem: string | null
  /** Comparisons with the embedded engine, newest first. */
  parity: ParityReport[]
  /** An installation that is under way in this app. */
  jobId: string | null
}
