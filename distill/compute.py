"""Where training computes: a GPU where there is one, else a CPU; in bfloat16 where the machine multiplies matrices of it.

Several GPUs are several processes, one each (distill/processes.py).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from distill.processes import Alone, Processes, join_processes
from interfaces.errors import ForerunError


@dataclass(frozen=True, slots=True)
class Compute:
    """A device, whether it is fast in bfloat16, and who else computes."""

    device: torch.device
    bf16: bool
    processes: Processes = field(default_factory=Alone)

    @contextmanager
    def autocast(self) -> Generator[None]:
        """Compute in bfloat16 inside, where that is faster; weights stay float32."""
        if not self.bf16:
            yield
            return
        with torch.autocast(self.device.type, torch.bfloat16):
            if self.device.type == "cuda":
                yield
                return
            # torch's fused attention has no bfloat16 matrix units on CPUs: two plain products were measured 1.4 times faster.
            with sdpa_kernel(SDPBackend.MATH):
                yield

    def compile_calls(self, modules: tuple[nn.Module, ...]) -> None:
        """Have the calls of these modules compiled, on a GPU: a CPU spends minutes on it."""
        if self.device.type == "cuda":
            for module in modules:
                module.compile()

    def laid_out(self, network: nn.Module) -> None:
        """Put a convolutional network's channels last, in place: a tenth faster on a CPU, more on a GPU."""
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in torch's stubs

    def generator(self, *seeds: int) -> torch.Generator:
        """Return a generator on the device whose numbers depend on the seeds alone."""
        state = int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0])
        return torch.Generator(device=self.device).manual_seed(state)


@contextmanager
def memory_for(stage: str) -> Generator[None]:
    """Say in one line when there is not enough memory inside. Raises ForerunError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # CPU allocations fail as a RuntimeError
        known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not known and "allocate memory" not in str(error):
            raise
        raise ForerunError(
            f"{stage}: out of memory ({str(error).strip().splitlines()[0]}); expected less: lower batch_size in the recipe"
            " and start the same command again; what is finished is kept"
        ) from error


def choose_compute(threads: int) -> Compute:
    """Return the best device of this machine, or the one a launcher gave to this process; `threads` is for work on the CPU."""
    processes = join_processes()
    torch.set_num_threads(threads)
    device = processes.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        return Compute(device, torch.cuda.is_bf16_supported(), processes)
    return Compute(device, bool(torch.cpu.get_capabilities().get("amx_bf16", False)), processes)
