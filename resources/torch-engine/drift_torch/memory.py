"""What a worker's process holds, told with every reply: on a GPU what PyTorch has allocated, elsewhere the process's resident memory."""
import resource
import sys

import torch

KIBIBYTE = 1024


class MemoryWatch:
    """`peak` is since the last `begin` that could start it anew; `since` counts those."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.since = 0

    def begin(self, device: torch.device) -> None:
        """A piece of work starts on the device: its peak is its own, not an earlier one's."""
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.since += 1
            return
        try:
            # Linux alone forgets a process's peak (proc(5), clear_refs).
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
            self.since += 1
        except OSError:
            pass

    def read(self) -> dict[str, int]:
        """Bytes."""
        if self.device.type == "cuda":
            return {"held": torch.cuda.memory_allocated(self.device), "peak": torch.cuda.max_memory_allocated(self.device), "since": self.since}
        try:
            with open("/proc/self/status") as file:
                lines = dict(line.split(":", 1) for line in file if line.startswith(("VmRSS", "VmHWM")))
            held, peak = (int(lines[name].split()[0]) * KIBIBYTE for name in ("VmRSS", "VmHWM"))
            return {"held": held, "peak": peak, "since": self.since}
        except (OSError, KeyError):
            # macOS tells the peak alone, in bytes.
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else KIBIBYTE)
            return {"held": peak, "peak": peak, "since": self.since}
