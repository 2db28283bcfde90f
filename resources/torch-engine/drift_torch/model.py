"""A decoder with the heads it has, on packed rows; loading it, and writing its weights under Hugging Face names."""
import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.utils.checkpoint import checkpoint

from .packing import ATTENTION, Packed
from .protocol import InputError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MAX_LOGITS = 2**25
"""Largest number of logits that exist at once: 128 MiB in float32."""
MAX_SHARD_BYTES = 5_000_000_000


class Policy(nn.Module):
    """One module, so that sharding sees whole passes."""

    def __init__(self, trunk: nn.Module, lm_head: nn.Module | None, score: nn.Module | None) -> None:
        super().__init__()
        self.trunk, self.lm_head, self.score = trunk, lm_head, score

    def forward(self, batch: Packed, is_reward: bool) -> dict[str, torch.Tensor]:
        """`rewards` [R], or per prediction `logps` [R, columns], `entropy`, `meanLogit` and `maxLogp` [R], all float32."""
        output = self.trunk(input_ids=batch.ids[None], position_ids=batch.positions[None], segments=batch.segments, use_cache=False)
        hidden = output.last_hidden_state[0].index_select(0, batch.select)
        if is_reward:
            return {"rewards": self.score(hidden).float()[:, 0]}
        return predict(self.lm_head, hidden, batch.labels)

    def decode(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits [B, V] in float32 behind the last of `ids` [B, T]; keys and values go into the cache."""
        output = self.trunk(input_ids=ids, position_ids=positions, attention_mask=mask, past_key_values=cache, use_cache=True)
        return self.lm_head(output.last_hidden_state[:, -1]).float()


def predict(head: nn.Module, hidden: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Logits exist for some rows at a time: with several pieces each is computed again for its gradient."""
    size = max(1, MAX_LOGITS // head.out_features)
    if len(hidden) <= size:
        return label_logps(head, hidden, labels)
    parts = [
        checkpoint(label_logps, head, hidden[i : i + size], labels[i : i + size], use_reentrant=False) if torch.is_grad_enabled() else label_logps(head, hidden[i : i + size], labels[i : i + size])
        for i in range(0, len(hidden), size)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def label_logps(head: nn.Module, hidden: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    logits = head(hidden).float()
    total = logits.logsumexp(-1)
    logps = logits.gather(1, labels) - total[:, None]
    with torch.no_grad():
        # H = log Σ exp(x) - Σ p·x
        entropy = total - (torch.softmax(logits, -1) * logits).sum(-1)
        return {"logps": logps, "entropy": entropy, "meanLogit": logits.mean(-1), "maxLogp": logits.amax(-1) - total}


class LoadedModel:
    """A model folder in memory, with its adapter if it has one."""

    def __init__(self, folder: str, adapter: str | None, device: torch.device, dtype: str, in_4bit: bool, deepspeed: dict[str, Any] | None = None) -> None:
        self.folder, self.device = Path(folder), device
        self.dtype = DTYPES[dtype]
        self.deepspeed = deepspeed
        self.zero: Any = None
        """DeepSpeed's engine, once a training has begun."""
        is_whole = adapter is None and deepspeed is None
        network, trunk, lm_head, score = read_network(self.folder, device, torch.float32 if is_whole else self.dtype, in_4bit)
        self.has_adapter = adapter is not None
        if adapter is not None:
            from peft import PeftModel

            PeftModel.from_pretrained(network, adapter, is_trainable=True, autocast_adapter_dtype=True)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        self.network = network
        self.policy = Policy(trunk, lm_head, score)
        if not in_4bit:
            self.policy.to(device)
        if deepspeed is not None:
            # As DeepSpeed holds what computes; it steps float32 weights of its own.
            for parameter in self.policy.parameters():
                parameter.data = parameter.data.to(self.dtype)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32 and self.deepspeed is None)

    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by the names under which it is saved."""
        return {saved_name(name): parameter for name, parameter in self.policy.named_parameters() if parameter.requires_grad}

    def begin_reward(self, head: torch.Tensor) -> None:
        """A reward model is a sequence classifier: it has a score head and no language-model head."""
        if self.policy.score is None:
            self.policy.score = nn.Linear(head.numel(), 1, bias=False, device=self.device, dtype=torch.float32 if self.deepspeed is None else self.dtype)
            with torch.no_grad():
                self.policy.score.weight.copy_(head[None])
        self.policy.lm_head = None

    def write(self, folder: str, merged: bool, is_writer: bool) -> None:
        """Weights in float32 to `folder`: of a model with adapter the adapter's alone, unless merged into the model's."""
        weights = {name: whole(parameter) for name, parameter in self.policy.named_parameters() if parameter.requires_grad}
        if not is_writer:
            return
        weights = {saved_name(name): value for name, value in weights.items()}
        if self.has_adapter and merged:
            weights = self.merged(weights)
        write_shards(Path(folder), weights)

    def merged(self, adapter: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """W + scale·B·A on the folder's own weights, whatever precision they are held in here."""
        scales = {name: module.scaling["default"] for name, module in self.network.named_modules() if hasattr(module, "scaling") and hasattr(module, "lora_A")}
        weights = read_weights(self.folder)
        for name, scale in scales.items():
            a, b = adapter[f"{name}.lora_A.weight"], adapter[f"{name}.lora_B.weight"]
            weights[f"{name}.weight"] += scale * (b @ a)
        if self.network.config.tie_word_embeddings:
            weights.pop("lm_head.weight", None)
        return weights


def read_network(folder: Path, device: torch.device, dtype: torch.dtype, in_4bit: bool) -> tuple[nn.Module, nn.Module, nn.Module | None, nn.Module | None]:
    """@returns the network, its decoder, its language-model head and its reward head."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": ATTENTION, "local_files_only": True, "output_loading_info": True}
    if in_4bit:
        options |= {"quantization_config": four_bits(dtype), "device_map": {"": device}}
    architectures = json.loads((folder / "config.json").read_text()).get("architectures") or [""]
    is_reward = architectures[0].endswith("ForSequenceClassification")
    kind = AutoModelForSequenceClassification if is_reward else AutoModelForCausalLM
    try:
        network, info = kind.from_pretrained(folder, **options, **({"num_labels": 1} if is_reward else {}))
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: expected a model that transformers can load, got {str(error).splitlines()[0]}; copy or download the folder again") from error
    for what, names in (("found no", info["missing_keys"]), ("expected another shape of", info["mismatched_keys"]), ("did not expect", info["unexpected_keys"])):
        if names:
            raise InputError(f"{folder}: {what} {sorted(map(str, names))[0]!r} in the weights, which config.json does not agree with; copy or download the folder again")
    for name, parameter in network.named_parameters():
        if parameter.is_floating_point() and not torch.isfinite(parameter).all():
            raise InputError(f"{folder}: tensor {name!r}: expected finite numbers, got NaN or infinity; use an undamaged model")
    network.eval()
    return network, network.model, None if is_reward else network.lm_head, network.score if is_reward else None


def four_bits(dtype: torch.dtype) -> Any:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise InputError("load_in_4bit: expected the package bitsandbytes in the torch engine's environment, found none; install it there, or leave load_in_4bit out")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype)


def saved_name(name: str) -> str:
    """Name in a model folder of a parameter of `Policy`; PEFT's own wrapping left out."""
    return name.replace("trunk.", "model.", 1).replace(".default.", ".") if name.startswith("trunk.") else name


def whole(parameter: torch.Tensor) -> torch.Tensor:
    """In float32 on the CPU; of a sharded one all shards together (every process must ask)."""
    value = parameter.detach()
    if hasattr(parameter, "ds_id") or hasattr(parameter, "_hp_mapping"):
        from deepspeed.utils import safe_get_full_fp32_param

        value = safe_get_full_fp32_param(parameter).detach()
    return (value.full_tensor() if hasattr(value, "full_tensor") else value).to("cpu", torch.float32)


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    weights = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as stored:
            weights |= {name: stored.get_tensor(name).to(torch.float32) for name in stored.keys()}
    return weights


def write_shards(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """One file, or shards filled in order of name with their index, as transformers names them."""
    shards: list[dict[str, torch.Tensor]] = [{}]
    held = 0
    for name in sorted(weights):
        size = weights[name].numel() * 4
        if held > 0 and held + size > MAX_SHARD_BYTES:
            shards.append({})
            held = 0
        shards[-1][name] = weights[name].contiguous()
        held += size
    if len(shards) == 1:
        save_file(shards[0], folder / "model.safetensors", {"format": "pt"})
        return
    places = {}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, folder / file, {"format": "pt"})
        places |= dict.fromkeys(shard, file)
    numbers = sum(value.numel() for value in weights.values())
    index = {"metadata": {"total_parameters": numbers, "total_size": 4 * numbers}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
