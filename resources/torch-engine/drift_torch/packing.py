"""
Batches without padding: the tokens of all rows lie one after the other [N]. A row is a prompt (its trunk) with any
number of completions hanging from its end; each completion sees the prompt and itself and counts positions from the
prompt's end, so the prompt is computed once, exactly. The same layout as the embedded engine's `packing.ts`.
"""
from dataclasses import dataclass
from typing import Any, TypedDict

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

ATTENTION = "drift_packed"


class Row(TypedDict):
    """`branches`: lengths of the pieces behind the first `trunk` ids; token `at[i]` predicts each of `labels[i]`."""

    ids: list[int]
    trunk: int
    branches: list[int]
    at: list[int]
    labels: list[list[int]]


# (first token of the row, tokens of its trunk, first token of the queries, number of queries)
Segment = tuple[int, int, int, int]


@dataclass
class Packed:
    ids: torch.Tensor
    """[N]"""
    positions: torch.Tensor
    """[N]"""
    segments: list[Segment]
    select: torch.Tensor
    """[R]: tokens that predict"""
    labels: torch.Tensor
    """[R, columns]; where a prediction has fewer labels, 0 fills"""
    starts: list[int]
    """Predictions of row i are starts[i] … starts[i + 1] - 1."""


def pack(rows: list[Row], device: torch.device) -> Packed:
    columns = max((len(labels) for row in rows for labels in row["labels"]), default=0)
    ids: list[int] = []
    positions: list[int] = []
    segments: list[Segment] = []
    select: list[int] = []
    labels: list[list[int]] = []
    starts = [0]
    for row in rows:
        first, trunk = len(ids), row["trunk"]
        ids += row["ids"]
        positions += range(trunk)
        segments.append((first, trunk, first, trunk))
        start = first + trunk
        for length in row["branches"]:
            positions += range(trunk, trunk + length)
            if length > 0:
                segments.append((first, trunk, start, length))
            start += length
        select += [first + at for at in row["at"]]
        labels += [one + [0] * (columns - len(one)) for one in row["labels"]]
        starts.append(len(select))
    def tensor(values: list[Any]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    return Packed(tensor(ids), tensor(positions), segments, tensor(select), tensor(labels).reshape(len(select), columns), starts)


def packed_attention(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    scaling: float | None = None, segments: list[Segment] | None = None, **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of each segment by itself on [1, heads, N, D]; without segments (decoding) as transformers does."""
    if segments is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    outputs = []
    for first, trunk, start, length in segments:
        q = query[:, :, start : start + length]
        if start == first:
            k, v = key[:, :, first : first + trunk], value[:, :, first : first + trunk]
            mask, is_causal = None, True
        else:
            k, v = (torch.cat([x[:, :, first : first + trunk], x[:, :, start : start + length]], 2) for x in (key, value))
            mask, is_causal = lower_right(q, length, trunk + length), False
        outputs.append(scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal, scale=scaling, enable_gqa=q.shape[1] != k.shape[1]))
    return torch.cat(outputs, 2).transpose(1, 2).contiguous(), None


def lower_right(query: torch.Tensor, queries: int, keys: int) -> torch.Tensor:
    """Query i sees keys up to keys - queries + i. On CUDA a mask that flash kernels know without reading it."""
    if query.is_cuda:
        return causal_lower_right(queries, keys)
    return torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)


# Without a mask function of its own, transformers makes no mask for it.
AttentionInterface.register(ATTENTION, packed_attention)
