"""
The processes of one engine, started by torchrun: each computes a share of every batch on weights that are sharded over
all (FSDP2, or DeepSpeed where it is configured). The first speaks the protocol and tells the others what it is told.
"""
import os
from typing import Any

import torch
import torch.distributed as dist


class Processes:
    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.local = int(os.environ.get("LOCAL_RANK", "0"))
        # DeepSpeed needs a group also of one.
        if "TORCHELASTIC_RUN_ID" in os.environ:
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        """For all the others: what the first answers, whoever asks may take for done everywhere."""
        if self.size > 1:
            dist.barrier()

    def end(self) -> None:
        """
        Ends this process where it is of a group: Python's own end breaks off (SIGABRT) in one of ten where gloo's
        threads still run, also after `destroy_process_group` while sharded weights hold the group.
        """
        if dist.is_initialized():
            os._exit(0)

    def tell(self, message: Any) -> Any:
        """The first's message, in every process."""
        if self.size == 1:
            return message
        box = [message]
        dist.broadcast_object_list(box, device=torch.device("cpu"))
        return box[0]

    def shard(self, policy: torch.nn.Module) -> None:
        if self.size == 1:
            return
        from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

        for layer in policy.trunk.layers:
            fully_shard(layer)
        # Embedding and head are not kept whole after scoring either: an optimizer made then would hold what is thrown away.
        fully_shard(policy, reshard_after_forward=True)
        register_fsdp_forward_method(policy, "decode")

    def share(self, count: int) -> list[int]:
        """Rows of a batch of `count` that this process computes; never none, for all must take part."""
        return list(range(self.rank, count, self.size)) or [0]

    def owns(self, count: int) -> bool:
        return self.rank < count

    def gather_rows(self, output: dict[str, torch.Tensor], starts: list[int], mine: list[int], count: int) -> dict[str, torch.Tensor]:
        """Results of all rows in their order, on the CPU; in every process."""
        if self.size == 1:
            return {name: values.detach() for name, values in output.items()}
        pieces = [{name: values[starts[i] : starts[i + 1]].detach().cpu() for name, values in output.items()} for i in range(len(mine))]
        everyone: list[Any] = [None] * self.size
        dist.all_gather_object(everyone, list(zip(mine, pieces)))
        rows = dict(pair for pieces_there in reversed(everyone) for pair in pieces_there)
        return {name: torch.cat([rows[i][name] for i in range(count)]) for name in output}

    def gather_tokens(self, step: dict[str, torch.Tensor], mine: list[int], rows: list[int]) -> dict[str, torch.Tensor]:
        """Values [R] of `rows` in their order, of which this process computed `mine` (and perhaps more); in every process."""
        if self.size == 1:
            return step
        everyone: list[Any] = [None] * self.size
        dist.all_gather_object(everyone, {name: dict(zip(mine, values.tolist())) for name, values in step.items()})
        return {name: torch.tensor([next(there[name][row] for there in everyone if row in there[name]) for row in rows]) for name in step}

    def like(self, whole: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        """A whole tensor placed as the parameter is: on its device, sharded where it is."""
        if not hasattr(parameter, "device_mesh"):
            return whole.to(parameter.device)
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(whole.to(parameter.device), parameter.device_mesh, parameter.placements)
