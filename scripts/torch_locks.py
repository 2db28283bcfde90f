"""Writes resources/torch-engine/locks: exact packages of the torch engine for each platform, with hashes and sizes.

    python scripts/torch_locks.py --uv PATH/TO/uv

Needs Python 3.11, uv and the Python package index; nothing but metadata is downloaded. Builds of torch that lie only
on PyTorch's own index (CPU and ROCm on Linux) carry no hash: they are pinned by version and index.
"""

import argparse
import json
import os
import subprocess
import tempfile
import tomllib
from pathlib import Path

LOCKS = Path(__file__).parent.parent / "resources" / "torch-engine" / "locks"
REQUIREMENTS = ["torch==2.13.0", "transformers==5.24.0", "peft==0.21.2", "accelerate==1.15.0", "safetensors==0.8.0"]
MINORS = range(11, 15)
PYTORCH_INDEX = "https://download.pytorch.org/whl"
# The index's torch on Linux is the CUDA build; these come with it and with no other.
CUDA_ONLY = ("nvidia-", "cuda-", "triton")
FROM_INDEX = "resolved by uv from the Python package index"


def resolve(uv: str, platform: str, minor: int, pins: list[str]) -> dict[str, dict]:
    """Packages by name, each with its version and the wheels for this platform and Python 3.`minor`."""
    with tempfile.TemporaryDirectory() as folder:
        source, lock = Path(folder) / "in.txt", Path(folder) / "pylock.toml"
        source.write_text("\n".join(pins))
        command = [uv, "pip", "compile", str(source), "--python-version", f"3.{minor}", "--python-platform", platform, "--only-binary", ":all:", "--format", "pylock.toml", "--output-file", str(lock), "--quiet"]
        # torch's wheels for macOS begin at 14.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"})
        return {package["name"]: package for package in tomllib.loads(lock.read_text())["packages"]}


def packages_for(uv: str, platform: str) -> list[dict]:
    """One version of each package for every Python, the wheels of all of them; `bytes` is the largest of them."""
    first = resolve(uv, platform, MINORS[0], REQUIREMENTS)
    pins = [f"{name}=={package['version']}" for name, package in first.items()]
    resolved = [first, *(resolve(uv, platform, minor, pins) for minor in MINORS[1:])]
    rows = []
    for name, package in sorted(first.items()):
        wheels = [wheel for each in resolved for wheel in each.get(name, {}).get("wheels", [])]
        hashes = sorted({wheel["hashes"]["sha256"] for wheel in wheels})
        rows.append({"name": name, "version": package["version"], "bytes": max((wheel["size"] for wheel in wheels), default=0), "hashes": hashes})
    return rows


def own_torch(packages: list[dict], build: str, size: int, extra: list[dict]) -> list[dict]:
    """The same packages with another build of torch, from PyTorch's index."""
    index = f"{PYTORCH_INDEX}/{build}"
    rows = [package for package in packages if not package["name"].startswith((*CUDA_ONLY, "torch"))]
    version = next(package["version"] for package in packages if package["name"] == "torch")
    torch = {"name": "torch", "version": f"{version}+{build}", "bytes": size, "hashes": [], "index": index}
    return sorted([*rows, torch, *({**row, "index": index} for row in extra)], key=lambda row: row["name"])


# Bytes on disk of a downloaded one: measured for linux-cpu (1,179 of 250 MB); a GPU's libraries are packed less tightly.
def write(platform: str, packages: list[dict], *, source: str, proven: bool, unpacked: float) -> None:
    lock = {"platform": platform, "python": [f"3.{minor}" for minor in MINORS], "source": source, "proven": proven, "unpacked": unpacked, "packages": packages}
    (LOCKS / f"{platform}.json").write_text(json.dumps(lock, indent=1) + "\n")
    print(f"{platform}: {len(packages)} packages, {sum(package['bytes'] for package in packages) / 1e6:.0f} MB to download")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--uv", default="uv")
    uv = parser.parse_args().uv
    LOCKS.mkdir(parents=True, exist_ok=True)
    linux = packages_for(uv, "x86_64-manylinux_2_28")
    own = "torch's build is pinned by version from PyTorch's index, which gives no hash here"
    write("linux-cpu", own_torch(linux, "cpu", 191_794_682, []), source=f"{FROM_INDEX}; {own}", proven=True, unpacked=4.8)
    write("linux-cuda", linux, source=f"{FROM_INDEX}; CUDA 13", proven=False, unpacked=3)
    # Size of the wheels unknown: as much as CUDA's parts together.
    rocm = own_torch(linux, "rocm7.2", 4_500_000_000, [{"name": "triton-rocm", "version": "3.7.1", "bytes": 300_000_000, "hashes": []}])
    write("linux-rocm", rocm, source=f"{FROM_INDEX}; {own}; its versions and sizes are as published by others, ROCm 7.2", proven=False, unpacked=3)
    write("macos-mps", packages_for(uv, "aarch64-apple-darwin"), source=FROM_INDEX, proven=False, unpacked=4.8)
    write("windows-cpu", packages_for(uv, "x86_64-pc-windows-msvc"), source=FROM_INDEX, proven=False, unpacked=4.8)


if __name__ == "__main__":
    main()
