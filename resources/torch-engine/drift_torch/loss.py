"""
What a batch is trained on. DPO as TRL 1.16 computes it (trl/trainer/dpo_trainer.py), from the policy's log-probabilities
and given sums of the reference's. Metrics are made by whoever reads the replies, from the log-probabilities.
"""
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, relu

from .packing import Row


def batch_loss(output: dict[str, torch.Tensor], mine: list[int], rows: list[Row], loss: dict[str, Any]) -> torch.Tensor:
    """
    @param output of the policy for the rows `mine` alone.
    @param rows all of the batch: means are over all of it, whichever process computes a row.
    @returns what `mine` adds to the step's loss.
    """
    if loss["kind"] == "reward":
        labels = torch.tensor([loss["labels"][i] for i in mine], dtype=torch.float32, device=output["rewards"].device)
        return binary_cross_entropy_with_logits(output["rewards"], labels, reduction="sum") / loss["total"]
    if loss["kind"] == "language-model":
        return -output["logps"].sum() / loss["total"]
    return dpo_loss(output["logps"], mine, rows, loss)


def dpo_loss(logps: torch.Tensor, mine: list[int], rows: list[Row], loss: dict[str, Any]) -> torch.Tensor:
    sides = [side_logps(logps, [rows[i] for i in mine], side) for side in (0, 1)]
    tokens = [torch.tensor([1 + rows[i]["branches"][side] for i in mine], device=logps.device) for side in (0, 1)]
    reference = [torch.tensor([loss["reference"][side][i] for i in mine], dtype=torch.float32, device=logps.device) for side in ("chosen", "rejected")]
    ratios = [logp - given for logp, given in zip(sides, reference)]
    beta, smoothing, weights = loss["beta"], loss["label_smoothing"], loss["weights"]
    margin = ratios[0] - ratios[1]
    average = ratios[0] / tokens[0] - ratios[1] / tokens[1]
    terms = {
        "sigmoid": lambda: -logsigmoid(beta * margin),
        "robust": lambda: ((1 - smoothing) * -logsigmoid(beta * margin) + smoothing * logsigmoid(-beta * margin)) / (1 - 2 * smoothing),
        "hinge": lambda: relu(1 - beta * margin),
        "ipo": lambda: (average - 1 / (2 * beta)) ** 2,
        "sigmoid_norm": lambda: -logsigmoid(beta * average),
    }
    total = sum((weights[name] * term().sum() for name, term in terms.items() if weights[name] != 0), torch.zeros((), device=logps.device))
    chosen_tokens = sum(1 + row["branches"][0] for row in rows)
    return loss["share"] * (total / len(rows) - weights["sft"] * sides[0].sum() / chosen_tokens)


def side_logps(logps: torch.Tensor, rows: list[Row], side: int) -> torch.Tensor:
    """[pairs]: a row's first prediction has both sides' first tokens, then come the chosen's others, then the rejected's."""
    sums = []
    start = 0
    for row in rows:
        chosen, rejected = row["branches"]
        first = start + 1 + (chosen if side == 1 else 0)
        sums.append(logps[start, side] + logps[first : first + (rejected if side == 1 else chosen), 0].sum())
        start += 1 + chosen + rejected
    return torch.stack(sums)
