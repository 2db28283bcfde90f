"""
One JSON object per line in both directions, a reply for each request, in order.

Request {"id", "method", "params"}; reply {"id", "result"} or {"id", "error": {"kind", "message"}}, with "memory" where
the worker watches its own (`memory.py`). Arrays of float32
travel as base64 of their little-endian bytes, whole weights as safetensors files. The other side is
`src/engine/torch/protocol.ts`; whoever changes one changes VERSION in both.
"""
import base64
import json
import os
import sys
from typing import Any, TextIO

import torch

VERSION = 3


class InputError(Exception):
    """What was handed to the worker is not what it must be: one line, with what to do."""


def take_over_pipes() -> tuple[TextIO, TextIO]:
    """The pipes of the protocol. Whatever else reads finds nothing, whatever else prints goes to stderr."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, replies


def send(replies: TextIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message, separators=(",", ":")) + "\n")
    replies.flush()


def encode(values: torch.Tensor) -> str:
    return base64.b64encode(values.detach().to("cpu", torch.float32).contiguous().numpy().tobytes()).decode("ascii")


def decode(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32)
