"""The worker's process: reads requests until its pipe ends."""
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from .capabilities import version_of
from .memory import MemoryWatch
from .model import LoadedModel
from .packing import pack
from .processes import Processes
from .protocol import VERSION, InputError, decode, encode, send, take_over_pipes
from .sample import Sampling
from .train import Training
from .zero import ZeroTraining, check


LAUNCHER_S = 2
"""Time the launcher gets to see which process ended first: the others fail only because that one is gone."""


class Worker:
    """A method per request; what it returns is the reply."""

    def __init__(self, processes: Processes) -> None:
        # The same machine must compute the same numbers again.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        # What is read before it is written would be a fault of PyTorch's own; looking for that costs a fill of every new tensor.
        torch.utils.deterministic.fill_uninitialized_memory = False
        self.processes = processes
        self.models: dict[int, LoadedModel] = {}
        self.trainings: dict[int, Training] = {}
        self.samplings: dict[int, Sampling] = {}
        self.loaded = 0
        self.memory = MemoryWatch()

    def hello(self) -> dict[str, Any]:
        return greeting(self.processes)

    def load(self, folder: str, adapter: str | None, device: str, dtype: str, in4bit: bool, deepspeed: dict[str, Any] | None, threads: int) -> dict[str, Any]:
        torch.set_num_threads(threads)
        where = find_device(device, self.processes.local)
        self.memory.begin(where)
        if deepspeed is not None:
            os.environ["DS_ACCELERATOR"] = where.type
            check(deepspeed)
        if self.processes.size > 1 and in4bit:
            raise InputError("load_in_4bit: expected one process, got several; quantized weights are not sharded")
        model = LoadedModel(folder, adapter, where, dtype, in4bit, deepspeed)
        if deepspeed is None:
            self.processes.shard(model.policy)
        self.loaded += 1
        self.models[self.loaded] = model
        return {"model": self.loaded}

    def unload(self, model: int) -> dict[str, Any]:
        zero = self.models.pop(model).zero
        if zero is not None:
            zero.destroy()
        self.trainings.pop(model, None)
        self.samplings.pop(model, None)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return {}

    def free(self, model: int) -> dict[str, Any]:
        """What is left of the device's memory, with what this model has cached for reuse."""
        device = self.models[model].device
        if device.type != "cuda":
            return {"bytes": None}
        return {"bytes": torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)}

    @torch.no_grad()
    def run(self, model: int, rows: list[Any], reward: bool) -> dict[str, Any]:
        loaded = self.models[model]
        with loaded.autocast():
            output = loaded.policy(pack(rows, loaded.device), reward)
        return {"values": encode(output["rewards"] if reward else output["logps"])}

    def trainBegin(self, model: int, settings: dict[str, Any], head: str | None, state: str | None, step: int) -> dict[str, Any]:
        loaded = self.models[model]
        self.memory.begin(loaded.device)
        if head is not None:
            loaded.begin_reward(decode(head))
        training = self.trainings[model] = (Training if loaded.deepspeed is None else ZeroTraining)(loaded, settings, self.processes)
        if state is not None:
            training.read_state(state, step)
            # The files go with the answer.
            self.processes.wait()
        return {"trained": sum(parameter.numel() for parameter in training.parameters.values())}

    def trainBatch(self, model: int, rows: list[Any], loss: dict[str, Any], first: bool, last: bool) -> dict[str, Any]:
        return {name: encode(values) for name, values in self.trainings[model].batch(rows, loss, first, last).items()}

    def trainNorm(self, model: int) -> dict[str, Any]:
        return {"norm": finite(self.trainings[model].norm())}

    def trainUpdate(self, model: int, rate: float, scale: float) -> dict[str, Any]:
        self.trainings[model].update(rate, scale)
        return {}

    def trainState(self, model: int, folder: str) -> dict[str, Any]:
        self.trainings[model].write_state(folder)
        return {}

    def trainGradients(self, model: int, file: str) -> dict[str, Any]:
        self.trainings[model].gradients(file)
        return {}

    def trainEnd(self, model: int) -> dict[str, Any]:
        training = self.trainings.pop(model, None)
        if training is not None:
            training.end()
        return {}

    def sampleBegin(self, model: int, prompts: list[list[int]], of: list[int], settings: dict[str, Any]) -> dict[str, Any]:
        self.memory.begin(self.models[model].device)
        self.samplings[model] = Sampling(self.models[model], prompts, of, settings, self.processes)
        return {}

    def sampleStep(self, model: int, keep: list[int], uniforms: list[float]) -> dict[str, Any]:
        step = self.samplings[model].step(keep, uniforms)
        return {"ids": step["ids"].tolist(), "entropy": encode(step["entropy"]), "logps": encode(step["logps"])}

    def sampleEnd(self, model: int) -> dict[str, Any]:
        self.samplings.pop(model, None)
        return {}

    def save(self, model: int, folder: str, merged: bool) -> dict[str, Any]:
        self.models[model].write(folder, merged, self.processes.is_first)
        return {}


def greeting(processes: Processes) -> dict[str, Any]:
    return {"protocol": VERSION, "torch": torch.__version__, **{name: version_of(name) for name in ("transformers", "vllm", "deepspeed")}, "processes": processes.size}


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if abs(value) < float("inf") else None


def find_device(name: str, local: int) -> torch.device:
    """@raises InputError where it is not here: it is never replaced by another."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device cuda: expected a CUDA GPU that PyTorch {torch.__version__} can use, found none; install a CUDA build of PyTorch and the driver, or choose device cpu")
    if name == "cuda" and local >= torch.cuda.device_count():
        raise InputError(f"device cuda: expected a GPU for each process, found {torch.cuda.device_count()}; lower num_processes")
    if name == "mps" and not torch.backends.mps.is_available():
        raise InputError("device mps: expected an Apple GPU that PyTorch can use, found none; choose device cpu")
    if name == "cuda":
        torch.cuda.set_device(local)
        return torch.device("cuda", local)
    return torch.device(name)


def describe(error: Exception) -> dict[str, str]:
    if isinstance(error, InputError):
        return {"kind": "input", "message": str(error)}
    if isinstance(error, torch.OutOfMemoryError):
        return {"kind": "memory", "message": str(error).splitlines()[0]}
    return {"kind": "internal", "message": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"}


def serve(make: Callable[[Processes], Any]) -> None:
    """Answers requests by the methods of what `make` gives, until the pipe ends."""
    # Ctrl-C reaches the whole group; whoever asks decides what it means, and this process ends with its pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = take_over_pipes()
    try:
        processes = Processes()
    except Exception:
        end_with_reason(os.environ["RANK"])
    worker = make(processes)
    while True:
        request = processes.tell(read(requests) if processes.is_first else None)
        if request is None:
            return processes.end()
        try:
            reply = {"id": request["id"], "result": getattr(worker, request["method"])(**request["params"])}
        except Exception as error:
            if processes.size > 1 and not isinstance(error, InputError):
                # The others may wait for this one in a collective: ending lets the launcher end them.
                end_with_reason(processes.rank)
            traceback.print_exc(file=sys.stderr)
            reply = {"id": request["id"], "error": describe(error)}
        if processes.is_first:
            watch = getattr(worker, "memory", None)
            send(replies, reply if watch is None else {**reply, "memory": watch.read()})


def end_with_reason(rank: int | str) -> NoReturn:
    """Lines of several processes meet in one pipe: they say whose they are."""
    for line in traceback.format_exc().splitlines():
        print(f"[rank {rank}] {line}", file=sys.stderr, flush=True)
    time.sleep(LAUNCHER_S)
    os._exit(1)


def read(requests: Any) -> Any:
    line = requests.readline()
    return json.loads(line) if line else None


if __name__ == "__main__":
    serve(Worker)
