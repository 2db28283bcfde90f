"""
Sampling by vLLM: a process that holds one model and draws completions for requests as they come, many at a time. Its
batches are vLLM's own; what is asked for stays what `sample.py` is asked for.

Uniform numbers come from vLLM, from each request's seed. Results of the same request may differ in the last bits with what
is computed beside it, and so may a token that lies on a border.
"""
import math
import os
import re
import time
from typing import Any

import torch

from .capabilities import cpu_memory, version_of
from .processes import Processes
from .protocol import InputError, encode
from .worker import find_device, greeting, serve

OLDEST = (0, 11)
"""Since then a drawn token's log-probability is that of the model itself, before temperature and truncation (raw_logprobs)."""
POLL_S = 0.2
"""A poll's longest time: how long a request to stop waits."""
GPU_SHARE = 0.9
"""Of the GPU's memory that is free, as vLLM's own default is of all of it."""
CPU_SHARE, CPU_MOST_GIB = 0.25, 16
"""Of the machine's free memory, for keys and values."""
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


class VllmWorker:
    """A method per request; what it returns is the reply."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.engine: Any = None
        self.lora: Any = None

    def hello(self) -> dict[str, Any]:
        return greeting(self.processes)

    def open(self, folder: str, adapter: str | None, rank: int, device: str, dtype: str, parallel: int, context: int) -> dict[str, Any]:
        """@param rank of the adapter. @param parallel GPUs that share each layer. @param context longest sequence, prompt included."""
        found = version_of("vllm")
        if found is None:
            raise InputError("use_vllm: expected vLLM beside PyTorch, found none; install it there (pip install vllm), or set use_vllm: false")
        if tuple(int(part) for part in re.findall(r"\d+", found)[:2]) < OLDEST:
            raise InputError(f"use_vllm: expected vLLM {'.'.join(map(str, OLDEST))} or newer, got {found}; install a newer one, or set use_vllm: false")
        where = find_device(device, parallel - 1)
        if where.type == "mps":
            raise InputError("use_vllm: expected device cuda or cpu, got mps; set use_vllm: false")
        # One process beside the layers' own: nothing is left behind where this one ends.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ["VLLM_LOGGING_LEVEL"] = "WARNING"
        os.environ["VLLM_NO_USAGE_STATS"] = "1"
        if where.type == "cpu":
            os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(cpu_cache_gib())
        from vllm import LLM

        options: dict[str, Any] = {"skip_tokenizer_init": True, "dtype": dtype, "max_model_len": context, "tensor_parallel_size": parallel, "disable_log_stats": True, "seed": 0}
        if where.type == "cuda":
            options["gpu_memory_utilization"] = gpu_share(parallel)
        else:
            # Compiling takes minutes and a C++ compiler there; and a prompt read in pieces would take back a number it has drawn, which that device cannot.
            options |= {"enforce_eager": True, "enable_chunked_prefill": False}
        if adapter is not None:
            from vllm.lora.request import LoRARequest

            self.lora = LoRARequest("policy", 1, adapter)
            options |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": next((size for size in LORA_RANKS if size >= rank), rank)}
        self.engine = LLM(folder, **options).llm_engine
        return {}

    def add(self, requests: list[dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
        """@param requests {index, prompt, seed}, each prompt in ids."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        common = {
            "max_tokens": settings["max_new_tokens"], "stop_token_ids": settings["eosIds"], "ignore_eos": True, "detokenize": False, "logprobs": 0, "output_kind": RequestOutputKind.FINAL_ONLY,
            # Greedy is temperature 0 there, and nothing is cut off then.
            **({"temperature": 0.0} if settings["greedy"] else {"temperature": settings["temperature"], "top_p": settings["top_p"], "top_k": settings["top_k"], "min_p": settings["min_p"]}),
            "repetition_penalty": settings["repetition_penalty"],
        }
        for request in requests:
            self.engine.add_request(str(request["index"]), {"prompt_token_ids": request["prompt"]}, SamplingParams(**common, seed=request["seed"]), lora_request=self.lora)
        return {}

    def poll(self) -> dict[str, Any]:
        """Goes on until time is up or nothing is left. @returns what has ended meanwhile; `logps` of all their tokens, one after another."""
        ended, until = [], time.monotonic() + POLL_S
        while self.engine.has_unfinished_requests() and time.monotonic() < until:
            ended += [output for output in self.engine.step() if output.finished]
        outputs = [output.outputs[0] for output in ended]
        logps = [at[token].logprob for output in outputs for token, at in zip(output.token_ids, output.logprobs)]
        if not all(map(math.isfinite, logps)):
            raise ValueError("expected finite log-probabilities, got others; the model's weights have diverged. Lower the learning rate")
        return {
            "indices": [int(output.request_id) for output in ended],
            "ids": [list(output.token_ids) for output in outputs],
            "logps": encode(torch.tensor(logps, dtype=torch.float32)),
            "stopped": [output.finish_reason == "stop" for output in outputs],
        }


def gpu_share(parallel: int) -> float:
    """vLLM is told a share of the whole memory: what it may take of what is free on the fullest of its GPUs."""
    return math.floor(1000 * GPU_SHARE * min(free / total for free, total in (torch.cuda.mem_get_info(i) for i in range(parallel)))) / 1000


def cpu_cache_gib() -> int:
    _, free = cpu_memory()
    return max(1, min(CPU_MOST_GIB, int(CPU_SHARE * (free or 0) / 2**30)))


if __name__ == "__main__":
    serve(VllmWorker)
