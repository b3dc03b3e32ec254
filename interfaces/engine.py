"""What an inference engine is to the runtime: named arrays in, named arrays out, static shapes, memory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec

Tensors = Mapping[str, NDArray[Any]]


class Engine(Protocol):
    """One graph, ready to run; used by one thread at a time."""

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph, as the manifest states them."""
        ...

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name; they are the engine's memory, overwritten by the next run.

        `inputs` holds every input of the spec, in its shape and element type, and is copied. Raises DeviceError naming the
        tensor that is missing or differs, or what the accelerator says.
        """
        ...
