"""
Drawing completions, a token of every sequence at a time. Uniform numbers come from outside, so a sample's draws are its
seed's alone; processors and their order are transformers' (repetition_penalty, temperature, top_k, top_p, min_p). Several
processes share the sequences, each has the keys and values of its own.
"""
from typing import Any

import torch
from transformers import DynamicCache

from .model import LoadedModel
from .processes import Processes


class Sampling:
    """
    @param prompts distinct ones, each read once.
    @param of for each sequence its prompt.
    """

    # Not inference_mode: buffers that sharding makes meanwhile would be unfit for training.
    @torch.no_grad()
    def __init__(self, model: LoadedModel, prompts: list[list[int]], of: list[int], settings: dict[str, Any], processes: Processes) -> None:
        self.model, self.settings, self.processes = model, settings, processes
        # Sequences that go on, of all processes in their order, and those that this one computes.
        self.alive, self.mine = list(range(len(of))), processes.share(len(of))
        # Without one of its own it computes another's for the others' sake, and tells nothing.
        self.owns = processes.owns(len(of))
        own = sorted({of[i] for i in self.mine})
        prompts, of = [prompts[i] for i in own], [own.index(of[i]) for i in self.mine]
        # Between two steps of a training; checkpointed layers keep no keys in training mode.
        model.policy.eval()
        device, longest = model.device, max(map(len, prompts))
        # Left of a shorter prompt is nothing that any token sees.
        ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts], device=device)
        self.seen = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], dtype=torch.bool, device=device)
        self.positions = (self.seen.cumsum(1) - 1).clamp(min=0)
        self.cache = DynamicCache(config=model.network.config)
        causal = torch.ones(longest, longest, dtype=torch.bool, device=device).tril()
        # A filler sees itself: a row without any key has no softmax.
        mask = (causal & self.seen[:, None, :]) | torch.eye(longest, dtype=torch.bool, device=device)
        rows = torch.tensor(of, device=device)
        self.logits = self._decode(ids, self.positions, mask[:, None])[rows]
        self.cache.batch_select_indices(rows)
        self.positions = self.positions[rows, -1:]
        self.seen = self.seen[rows]
        self.penalised: torch.Tensor | None = None
        if settings["repetition_penalty"] != 1:
            flags = [torch.zeros(self.logits.shape[1], dtype=torch.bool, device=device).index_fill(0, torch.tensor(prompt, device=device), True) for prompt in prompts]
            self.penalised = torch.stack(flags)[rows]
        self.drawn: torch.Tensor | None = None

    @torch.no_grad()
    def step(self, keep: list[int], uniforms: list[float]) -> dict[str, torch.Tensor]:
        """
        @param keep places, among the sequences of the step before, of those that go on.
        @param uniforms a number for each of these. @returns what was drawn, in their order.
        """
        self.alive = [self.alive[place] for place in keep]
        number = dict(zip(self.alive, uniforms))
        if self.drawn is not None:
            going = [place for place, row in enumerate(self.mine) if row in number] or [0]
            self.mine = [self.mine[place] for place in going]
            self._advance(torch.tensor(going, device=self.model.device))
        step = self._step([number.get(row, 0.0) for row in self.mine])
        return self.processes.gather_tokens(step, self.mine if self.owns else [], self.alive)

    def _step(self, uniforms: list[float]) -> dict[str, torch.Tensor]:
        logps = torch.log_softmax(self.logits, -1)
        if self.settings["greedy"]:
            ids, entropy = self._penalise(self.logits).argmax(-1), spread(self._penalise(self.logits))
        else:
            ids, entropy = self._draw(torch.tensor(uniforms, dtype=torch.float64, device=self.model.device))
        self.drawn = ids
        if self.penalised is not None:
            self.penalised.scatter_(1, ids[:, None], True)
        return {"ids": ids, "entropy": entropy, "logps": logps.gather(1, ids[:, None])[:, 0]}

    def _advance(self, keep: torch.Tensor) -> None:
        if len(keep) < len(self.seen):
            self.cache.batch_select_indices(keep)
            self.seen, self.positions, self.drawn = self.seen[keep], self.positions[keep], self.drawn[keep]
            self.penalised = None if self.penalised is None else self.penalised[keep]
        self.positions = self.positions + 1
        self.seen = torch.cat([self.seen, torch.ones_like(self.seen[:, :1])], 1)
        self.logits = self._decode(self.drawn[:, None], self.positions, self.seen[:, None, None])

    def _decode(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with self.model.autocast():
            return self.model.policy.decode(ids, positions, mask, self.cache)

    def _penalise(self, logits: torch.Tensor) -> torch.Tensor:
        if self.penalised is None:
            return logits
        penalty = self.settings["repetition_penalty"]
        return torch.where(self.penalised, torch.where(logits < 0, logits * penalty, logits / penalty), logits)

    def _draw(self, uniforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """By the inverse of the distribution over rising ids; with the entropy of what was kept."""
        probabilities = torch.softmax(self._penalise(self.logits) / self.settings["temperature"], -1)
        kept = torch.where(allowed(probabilities, self.settings), probabilities, 0).double()
        sums = kept.cumsum(-1)
        total = sums[:, -1:]
        # The last kept token where rounding leaves a rest.
        last = (kept > 0).long().mul(torch.arange(kept.shape[1], device=kept.device)).amax(-1)
        ids = torch.searchsorted(sums, uniforms[:, None] * total, right=True)[:, 0].minimum(last)
        shares = kept / total
        return ids, -torch.special.xlogy(shares, shares).sum(-1)


def spread(logits: torch.Tensor) -> torch.Tensor:
    """Entropy in nats at temperature 1."""
    return logits.logsumexp(-1) - (torch.softmax(logits, -1) * logits).sum(-1)


def allowed(probabilities: torch.Tensor, settings: dict[str, Any]) -> torch.Tensor:
    """Which tokens may be drawn [B, V]; among equals the lower id comes first."""
    keep = torch.ones_like(probabilities, dtype=torch.bool)
    if 0 < settings["top_k"] < probabilities.shape[1]:
        keep &= probabilities >= probabilities.topk(settings["top_k"], -1).values[:, -1:]
    if settings["top_p"] < 1:
        left = torch.where(keep, probabilities, 0).double()
        ordered, order = left.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered
        keep &= torch.zeros_like(keep).scatter(1, order, before < settings["top_p"] * left.sum(-1, keepdim=True))
    if settings["min_p"] > 0:
        keep &= probabilities >= settings["min_p"] * probabilities.amax(-1, keepdim=True)
    return keep
