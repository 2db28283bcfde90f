/** Where the embedded engine computes. `webgpu` is onnxruntime's WebGPU provider: any vendor's GPU, float32. */
export const DEVICES = ['cpu', 'webgpu'] as const
export type Device = (typeof DEVICES)[number]
