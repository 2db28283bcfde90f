"""One training: gradients of batches, the optimizer's steps, and the state from which it goes on."""
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from .loss import batch_loss
from .model import LoadedModel, whole
from .packing import Packed, Row, pack
from .processes import Processes

# Weights that transformers exempts from decay (Trainer.get_decay_parameter_names).
UNDECAYED = re.compile(r"bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)")
FIRST_LOSS_SCALE = 2.0**16
"""Of float16, as torch.amp.GradScaler begins."""
MAX_HALVINGS = 24


class Training:
    def __init__(self, model: LoadedModel, settings: dict[str, Any], processes: Processes) -> None:
        self.model, self.processes = model, processes
        self.parameters = model.trained()
        self.is_reward = settings["objective"] == "reward"
        self.loss_scale = FIRST_LOSS_SCALE if model.dtype == torch.float16 else 1.0
        self.batches: list[tuple[list[Row], dict[str, Any], bool]] = []
        self.optimizer = make_optimizer(self.parameters, settings)
        trunk = model.policy.trunk
        if settings["gradient_checkpointing"]:
            trunk.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        else:
            trunk.gradient_checkpointing_disable()

    def end(self) -> None:
        self.clear()
        self.model.policy.eval()

    def batch(self, rows: list[Row], loss: dict[str, Any], is_first: bool, is_last: bool) -> dict[str, torch.Tensor]:
        """Forward and backward; adds to the step's gradients, which are whole after its last batch."""
        if is_first:
            self.clear()
            self.batches = []
        self.batches.append((rows, loss, is_last))
        # Layers are computed again in training mode alone; dropout is off everywhere.
        self.model.policy.train()
        mine = self.processes.share(len(rows))
        packed = pack([rows[i] for i in mine], self.model.device)
        output = self.forward(packed, is_last)
        loss_here = batch_loss(output, mine, rows, loss)
        # A process without a row of its own computes one for the others' sake, and adds nothing.
        weight = self.loss_scale * self.processes.size if self.processes.owns(len(rows)) else 0.0
        self.backward(weight * loss_here)
        return self.processes.gather_rows(output, packed.starts, mine, len(rows))

    def forward(self, packed: Packed, is_last: bool) -> dict[str, torch.Tensor]:
        with self.model.autocast():
            return self.model.policy(packed, self.is_reward)

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()

    def clear(self) -> None:
        """Drops the gradients that are held."""
        self.optimizer.zero_grad(set_to_none=True)

    def norm(self) -> float:
        """Euclidean norm over all gradients. In float16 a step that overflows is computed again with half the loss scale."""
        for _ in range(MAX_HALVINGS):
            norm = self._norm()
            if self.model.dtype != torch.float16 or torch.isfinite(norm):
                break
            self.loss_scale /= 2
            for i, (rows, loss, is_last) in enumerate(list(self.batches)):
                self.batch(rows, loss, i == 0, is_last)
        return float(norm) / self.loss_scale

    def _norm(self) -> torch.Tensor:
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.parameters.values() if p.grad is not None])
        return norm.full_tensor() if hasattr(norm, "full_tensor") else norm

    def update(self, rate: float, scale: float) -> None:
        """@param scale what gradients are multiplied by (clipping)."""
        factor = scale / self.loss_scale
        if factor != 1:
            for parameter in self.parameters.values():
                if parameter.grad is not None:
                    parameter.grad.mul_(factor)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()

    def gradients(self, file: str) -> None:
        self.save({name: p.grad for name, p in self.parameters.items() if p.grad is not None}, Path(file))

    def save(self, tensors: dict[str, torch.Tensor], file: Path) -> None:
        held = {name: whole(tensor).contiguous() for name, tensor in tensors.items()}
        if self.processes.is_first:
            save_file(held, file)

    def write_state(self, folder: str) -> None:
        """Weights, and the optimizer's arrays as `<kind>.<weight>`."""
        self.save(self.parameters, Path(folder, "weights.safetensors"))
        self.save({**self.arrays(), "loss_scale": torch.tensor([self.loss_scale])}, Path(folder, "optimizer.safetensors"))

    def arrays(self) -> dict[str, torch.Tensor]:
        return {f"{kind}.{name}": value for name, p in self.parameters.items() for kind, value in self.optimizer.state[p].items() if kind != "step"}

    def read_state(self, folder: str, step: int) -> None:
        weights, arrays = load_file(Path(folder, "weights.safetensors")), load_file(Path(folder, "optimizer.safetensors"))
        if "loss_scale" in arrays:
            self.loss_scale = float(arrays["loss_scale"])
        for name, parameter in self.parameters.items():
            with torch.no_grad():
                parameter.copy_(self.processes.like(weights[name].reshape(parameter.shape), parameter))
            kinds = [kind for kind in ("exp_avg", "exp_avg_sq", "square_avg") if f"{kind}.{name}" in arrays]
            if kinds:
                held = {kind: self.processes.like(arrays[f"{kind}.{name}"].reshape(parameter.shape), parameter) for kind in kinds}
                self.optimizer.state[parameter] = {"step": torch.tensor(float(step), device=parameter.device if self.is_fused else "cpu"), **held}

    @property
    def is_fused(self) -> bool:
        return bool(self.optimizer.defaults.get("fused"))


def parameter_groups(parameters: dict[str, torch.nn.Parameter], settings: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [
        {"params": [p for name, p in parameters.items() if not UNDECAYED.search(name)], "weight_decay": settings["weight_decay"]},
        {"params": [p for name, p in parameters.items() if UNDECAYED.search(name)], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def make_optimizer(parameters: dict[str, torch.nn.Parameter], settings: dict[str, Any]) -> torch.optim.Optimizer:
    """As transformers' Trainer makes it: two groups, PyTorch's own AdamW or RMSprop with its defaults."""
    groups = parameter_groups(parameters, settings)
    if settings["optim"] == "rmsprop":
        return torch.optim.RMSprop(groups, lr=settings["learning_rate"])
    return torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=(settings["adam_beta1"], settings["adam_beta2"]), eps=settings["adam_epsilon"], fused=True)
