"""The processes of a training: who this one is, and how it talks to the others.

One process needs no torch.distributed. Several are started by torchrun (or anything that sets its variables).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import Tensor, distributed

from sherf_core.errors import TrainingError

_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(kw_only=True)
class World:
    """This process among all of them.

    Attributes:
        rank: this process's number.
        size: how many there are.
        local_rank: this process's number on its computer.
        device: where it computes.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def from_environment(cls, device: torch.device | str, *, timeout: timedelta = timedelta(minutes=10)) -> World:
        """The process that torchrun's variables describe; without them, the only one.

        Args:
            device: "cpu" or "cuda"; of several GPUs each process takes the one of its local rank.
            timeout: how long one process waits for the others.

        Raises:
            TrainingError: some of the variables are there and some are not.
        """
        device = torch.device(device)
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls(device=torch.device("cuda", 0) if device.type == "cuda" and device.index is None else device)
        missing = [name for name in _VARIABLES if name not in os.environ]
        if missing:
            raise TrainingError(
                f"WORLD_SIZE is {size} and {', '.join(missing)} not set",
                expected="the variables of torchrun: " + ", ".join(_VARIABLES),
                fix="start several processes with --gpus N or with torchrun",
            )
        local_rank = int(os.environ["LOCAL_RANK"])
        if device.type == "cuda":
            device = torch.device("cuda", local_rank)
            torch.cuda.set_device(device)
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=timeout)
        return cls(rank=int(os.environ["RANK"]), size=size, local_rank=local_rank, device=device)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            distributed.barrier(device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes of a tensor of one shape; the same on each."""
        if self.size == 1:
            return tensor
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes, of one shape, stacked by rank; the same on each."""
        if self.size == 1:
            return tensor[None]
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        distributed.all_gather(parts, tensor.contiguous())
        return torch.stack(parts)

    def close(self) -> None:
        """Leave the others; another `from_environment` may follow."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()
