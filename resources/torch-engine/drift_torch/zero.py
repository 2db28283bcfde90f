"""
A training whose weights, gradients and optimizer DeepSpeed holds: ZeRO 0 to 3, offloaded where its configuration says so.
Batches, clipping and rates come from outside as they do without it, and the update is PyTorch's own optimizer's: DeepSpeed
shards, reduces and steps. What its configuration may say is decided in `src/engine/torch/deepspeed.ts`.
"""
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file

from .model import LoadedModel
from .packing import Packed
from .processes import Processes
from .protocol import InputError
from .train import Training, parameter_groups

KINDS = {"adamw_torch": ("exp_avg", "exp_avg_sq"), "rmsprop": ("square_avg",)}
"""Of an optimizer's state: the arrays that are as large as the weights."""


class ZeroTraining(Training):
    """DeepSpeed's engine stays with the model when a training ends, for it holds the weights; the next takes it over."""

    def __init__(self, model: LoadedModel, settings: dict[str, Any], processes: Processes) -> None:
        super().__init__(model, settings, processes)
        if model.zero is None:
            model.zero = start(model, self.optimizer)
        self.engine = model.zero
        self.stage = int(self.engine.zero_optimization_stage())
        self.held = self.engine.optimizer
        self.optimizer = getattr(self.held, "optimizer", self.held)
        self.kinds = KINDS[settings["optim"]]
        groups = parameter_groups(self.parameters, settings)
        if isinstance(self.optimizer, torch.optim.RMSprop) != (settings["optim"] == "rmsprop") or len(groups) != len(self.optimizer.param_groups):
            raise InputError("deepspeed: expected a second training of one loaded model to train the same weights with the same optimizer, got others; load the model again")
        for group, given in zip(self.optimizer.param_groups, groups):
            group["weight_decay"] = given["weight_decay"]
            if "betas" in group:
                group |= {"betas": (settings["adam_beta1"], settings["adam_beta2"]), "eps": settings["adam_epsilon"]}
        self.clear()

    def end(self) -> None:
        super().end()
        self.optimizer.state.clear()

    def forward(self, packed: Packed, is_last: bool) -> dict[str, torch.Tensor]:
        self.engine.set_gradient_accumulation_boundary(is_last)
        return self.engine(packed, self.is_reward)

    def backward(self, loss: torch.Tensor) -> None:
        self.engine.backward(loss, scale_wrt_gas=False)

    def clear(self) -> None:
        """As DeepSpeed clears what it has summed up when it takes no step."""
        held = self.held
        held.zero_grad(set_to_none=True)
        if self.stage == 3:
            held._pre_step()
        elif hasattr(held, "averaged_gradients"):
            for i in held.averaged_gradients:
                held.averaged_gradients[i] = held.all_grad_tensors[i] = None
            held.micro_step_id = -1
            if held.cpu_offload:
                held.reset_cpu_buffers()

    def pieces(self) -> list[torch.Tensor]:
        """This process's share of the step's gradients (without ZeRO: all), after its last batch."""
        held = self.held
        if self.stage == 0:
            return [p.grad for p in self.parameters.values() if p.grad is not None]
        if hasattr(held, "fp32_groups_gradient_flat_partition"):
            return held.fp32_groups_gradient_flat_partition
        if self.engine.zero_cpu_offload():
            return [partition.grad for partition in self.partitions()]
        return [piece for group in held.averaged_gradients.values() for piece in group]

    def partitions(self) -> list[torch.Tensor]:
        """The float32 weights that this process steps."""
        for name in ("fp32_partitioned_groups_flat", "single_partition_of_fp32_groups", "fp32_groups_flat_partition"):
            if hasattr(self.held, name):
                return getattr(self.held, name)
        return list(self.parameters.values())

    def _norm(self) -> torch.Tensor:
        square = torch.nn.utils.get_total_norm(self.pieces()).to(self.model.device).double().square()
        if self.stage > 0 and self.processes.size > 1:
            dist.all_reduce(square)
        return square.sqrt()

    def update(self, rate: float, scale: float) -> None:
        if scale != 1:
            for piece in self.pieces():
                piece.mul_(scale)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.engine.step()

    def gradients(self, file: str) -> None:
        from deepspeed.utils import safe_get_full_grad

        self.save({name: safe_get_full_grad(p).cpu() for name, p in self.parameters.items()}, Path(file))

    def arrays(self) -> dict[str, torch.Tensor]:
        if not self.optimizer.state:
            return {}
        self.link_states()
        return {f"{kind}.{name}": self.whole_state(p, kind) for name, p in self.parameters.items() for kind in self.kinds}

    def whole_state(self, parameter: torch.nn.Parameter, kind: str) -> torch.Tensor:
        from deepspeed.utils import safe_get_full_optimizer_state

        return self.optimizer.state[parameter][kind] if self.stage == 0 else safe_get_full_optimizer_state(parameter, kind).cpu()

    @torch.no_grad()
    def read_state(self, folder: str, step: int) -> None:
        from deepspeed.utils import safe_set_full_optimizer_state

        weights, arrays = load_file(Path(folder, "weights.safetensors")), load_file(Path(folder, "optimizer.safetensors"))
        self.set_weights({name: weights[name].reshape(shape_of(p)) for name, p in self.parameters.items()})
        kinds = [kind for kind in self.kinds if f"{kind}.{next(iter(self.parameters))}" in arrays]
        if not kinds:
            return
        for partition in self.partitions():
            held = {kind: torch.zeros_like(partition) for kind in kinds}
            self.optimizer.state[partition] = {"step": torch.tensor(float(step), device=partition.device if self.is_fused else "cpu"), **held}
        self.link_states()
        for name, parameter in self.parameters.items():
            for kind in kinds:
                value = arrays[f"{kind}.{name}"].reshape(shape_of(parameter)).to(self.model.device)
                if self.stage == 0:
                    self.optimizer.state[parameter][kind].copy_(value)
                else:
                    safe_set_full_optimizer_state(parameter, value, kind)

    def link_states(self) -> None:
        """DeepSpeed finds a weight's part of the state once it has looked for it, which it does before its second group has one."""
        if hasattr(self.held, "_lazy_init_hp_params_optimizer_state"):
            self.held._hp_optimizer_states_linked = False
            self.held._lazy_init_hp_params_optimizer_state()

    def set_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Both the float32 ones that are stepped and those that compute."""
        import deepspeed
        from deepspeed.utils import safe_set_full_fp32_param

        for name, parameter in self.parameters.items():
            value = weights[name].to(self.model.device)
            if self.stage == 3:
                with deepspeed.zero.GatheredParameters([parameter], modifier_rank=0):
                    parameter.data.copy_(value)
            else:
                parameter.data.copy_(value)
            if self.stage > 0:
                safe_set_full_fp32_param(parameter, value)


def shape_of(parameter: torch.nn.Parameter) -> torch.Size:
    """Whole, also of a parameter of which ZeRO 3 keeps a part."""
    return getattr(parameter, "ds_shape", parameter.shape)


def start(model: LoadedModel, optimizer: torch.optim.Optimizer) -> Any:
    import deepspeed

    return deepspeed.initialize(model=model.policy, optimizer=optimizer, config=dict(model.deepspeed))[0]


def check(config: dict[str, Any]) -> None:
    """@raises InputError where DeepSpeed is missing, or does not take the configuration."""
    if importlib.util.find_spec("deepspeed") is None:
        raise InputError("deepspeed: expected the package deepspeed in the torch engine's environment, found none; install it there (pip install deepspeed), or leave deepspeed out")
    from deepspeed.runtime.config import DeepSpeedConfig

    try:
        DeepSpeedConfig(dict(config))
    except Exception as error:  # What it finds wrong it says as an assertion, a ValueError, pydantic's error or its own.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"deepspeed: expected a configuration that DeepSpeed {importlib.metadata.version('deepspeed')} takes, it says: {reason}; correct the file") from error
