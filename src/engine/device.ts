/** Where an engine computes. `webgpu` is onnxruntime's WebGPU provider: any vendor's GPU, float32; `cuda` (ROCm too) and `mps` are PyTorch's. */
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'mps'] as const
export type Device = (typeof DEVICES)[number]

export const ENGINES = ['embedded', 'torch'] as const
export type EngineName = (typeof ENGINES)[number]

export const DEVICES_OF: Record<EngineName, readonly Device[]> = { embedded: ['cpu', 'webgpu'], torch: ['cpu', 'cuda', 'mps'] }
