/** How the torch engine computes; names are transformers', bitsandbytes' and accelerate's. */
export const DTYPES = ['float32', 'bfloat16', 'float16'] as const

export type TorchOptions = {
  /** Of products; what is trained is held in float32 always, and a model under an adapter in this type. */
  dtype: (typeof DTYPES)[number]
  /** QLoRA: a model under an adapter in 4 bits (needs bitsandbytes). */
  load_in_4bit: boolean
  /** Processes that share each batch and shard the weights (torchrun, FSDP2). */
  num_processes: number
  /** Bulk sampling by vLLM instead of transformers; `num_processes` / `vllm_tensor_parallel_size` copies of the model on each machine's GPUs. */
  use_vllm: boolean
  /** GPUs that share each layer of a copy. */
  vllm_tensor_parallel_size: number
  /** A DeepSpeed configuration instead of FSDP2: its file, or what stands in it. */
  deepspeed: string | Record<string, unknown> | null
}

export const PLAIN_TORCH: TorchOptions = { dtype: 'float32', load_in_4bit: false, num_processes: 1, use_vllm: false, vllm_tensor_parallel_size: 1, deepspeed: null }
