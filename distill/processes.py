"""The processes of a run: one, or several that a launcher started side by side, one a GPU.

    accelerate launch --multi_gpu --num_processes 8 -m forerun distill recipe.toml        (on a machine with 8 GPUs)
    torchrun --nproc-per-node 2 -m forerun distill recipe.toml                            (on processors, or on GPUs)

Several processes train one network: each draws a batch of its own, and accelerate (Hugging Face, Apache-2.0) averages the gradients,
so their weights stay the same. What is not a fit is done by the first process while the others wait at the stage's border; only the
first writes files. Accelerate is imported where a launcher started the process, and nowhere else.

`accelerate launch --cpu` starts one process whatever `--num_processes` says, unless it finds MPI (read in accelerate 1.15,
`commands/launch.py`): several processes on processors are torchrun's work, and accelerate joins them just the same.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from interfaces.errors import ForerunError

_PATIENCE = timedelta(days=2)  # at a stage's border: the first process may generate videos for that long
_LOST_WORDS = ("gloo", "nccl", "connection closed", "connection reset", "process group")


class Processes(Protocol):
    """Those that train one network together, seen from one of them."""

    @property
    def rank(self) -> int:
        """Return which one this is, from 0 on; 0 writes files and speaks."""
        ...

    @property
    def count(self) -> int:
        """Return how many there are."""
        ...

    @property
    def device(self) -> torch.device | None:
        """Return the device that the launcher gave to this one; None: it is free to choose."""
        ...

    def averaging(self, module: nn.Module) -> nn.Module:
        """Return a module like this one whose backward pass leaves the mean gradient of all processes."""
        ...

    def mean(self, value: Tensor) -> float:
        """Return the mean of a number () over all processes."""
        ...

    def first_alone(self, stage: str) -> AbstractContextManager[None]:
        """Let the first process through what is inside, and then the others, who find its files. Raises ForerunError."""
        ...

    def company(self, stage: str) -> AbstractContextManager[None]:
        """Say in one line when another process of the run ended inside. Raises ForerunError."""
        ...

    def leave(self) -> None:
        """Take leave of the others; nothing is done together after that."""
        ...


class Alone:
    """The one process of a run that no launcher started."""

    rank = 0
    count = 1
    device: torch.device | None = None

    def averaging(self, module: nn.Module) -> nn.Module:
        """Return the module itself."""
        return module

    def mean(self, value: Tensor) -> float:
        """Return the number itself."""
        return value.item()

    @contextmanager
    def first_alone(self, stage: str) -> Generator[None]:
        """Go through."""
        del stage
        yield

    @contextmanager
    def company(self, stage: str) -> Generator[None]:
        """Go through."""
        del stage
        yield

    def leave(self) -> None:
        """Take leave of nobody."""


class Accelerator(Protocol):
    """What is used of accelerate's class of that name."""

    device: torch.device

    @property
    def process_index(self) -> int: ...

    @property
    def num_processes(self) -> int: ...

    def prepare_model(self, model: nn.Module) -> nn.Module: ...

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor: ...

    def wait_for_everyone(self) -> None: ...

    def end_training(self) -> None: ...


class Together:
    """One of several processes, which accelerate joins."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator

    @property
    def rank(self) -> int:
        """Return which one this is."""
        return self._accelerator.process_index

    @property
    def count(self) -> int:
        """Return how many there are."""
        return self._accelerator.num_processes

    @property
    def device(self) -> torch.device | None:
        """Return the GPU of this process, or the processor."""
        device = self._accelerator.device
        return device if device.type == "cuda" else torch.device(device.type)  # torch loads no file onto "cpu:0"

    def averaging(self, module: nn.Module) -> nn.Module:
        """Return the module in torch's DistributedDataParallel, as accelerate sets it up."""
        return self._accelerator.prepare_model(module)

    def mean(self, value: Tensor) -> float:
        """Return the mean over all processes."""
        return self._accelerator.reduce(value.detach(), reduction="mean").item()

    @contextmanager
    def first_alone(self, stage: str) -> Generator[None]:
        """Let the first process through, and then the others."""
        self._meet(stage)  # until here each has decided from the same files what there is to do
        if self.rank > 0:
            self._meet(stage)
        yield
        if self.rank == 0:
            self._meet(stage)

    @contextmanager
    def company(self, stage: str) -> Generator[None]:
        """Say in one line when another process ended inside."""
        try:
            yield
        except RuntimeError as error:  # gloo and NCCL have no narrower one in common
            told = str(error).strip()
            if not any(word in told.lower() for word in _LOST_WORDS):
                raise
            raise ForerunError(
                f"{stage}: another process of this run ended ({told.splitlines()[0]}); start the same command again:"
                " it goes on from the last state"
            ) from error

    def leave(self) -> None:
        """Take leave of the others."""
        self._accelerator.end_training()

    def _meet(self, stage: str) -> None:
        with self.company(stage):
            self._accelerator.wait_for_everyone()


def speaks() -> bool:
    """Return whether people hear this process: the only one, or the first on its machine."""
    local_rank = torch.distributed.get_node_local_rank(fallback_rank=0)  # pyright: ignore[reportPrivateImportUsage]
    return local_rank == 0


def refuse_company(family: str) -> None:
    """Raise ForerunError where a launcher started this process for a family whose training is one process's work."""
    if torch.distributed.is_torchelastic_launched():
        raise ForerunError(f"family {family!r} trains in one process; start it without accelerate or torchrun")


def join_processes() -> Processes:
    """Return the processes that this one was started with: by torchrun, which `accelerate launch` calls for several; else itself.

    Raises ForerunError when a launcher started it and accelerate is not installed.
    """
    if not torch.distributed.is_torchelastic_launched():
        return Alone()
    try:
        accelerate: Any = importlib.import_module("accelerate")
    except ImportError:
        raise ForerunError(
            "several processes are joined by accelerate, which is not there: pip install accelerate"
        ) from None
    patient = importlib.import_module("accelerate.utils").InitProcessGroupKwargs(timeout=_PATIENCE)
    # Its own mixed precision stays off, whatever the user's accelerate configuration says: ours is in distill/compute.py.
    # Without a GPU it must be told so, or it takes each process for the only one.
    accelerator: Accelerator = accelerate.Accelerator(
        mixed_precision="no", cpu=not torch.cuda.is_available(), kwargs_handlers=[patient]
    )
    n_started = int(os.environ["WORLD_SIZE"])  # the launcher's word, which changes nothing but whether we go on
    if accelerator.num_processes != n_started:
        raise ForerunError(
            f"the launcher started {n_started} processes, accelerate knows of {accelerator.num_processes}"
        )
    return Alone() if n_started == 1 else Together(accelerator)
