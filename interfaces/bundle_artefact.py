"""What a bundle holds of one policy in one precision: two graph files, how exact they are, and the gates they passed.

`fp32` is what torch computes. `fp16` and `trt-int8` are for TensorRT, which builds its engines from them on the robot; `cpu-int8` is
laid out for the integer kernels of ONNX Runtime on a processor. All take and give the same tensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interfaces.toml_loader import require

Precision = Literal["fp32", "fp16", "cpu-int8", "trt-int8"]
WEIGHTS_SUFFIX = ".weights"  # foresight.fp16.onnx.weights: of a graph above 2 GB
REFERENCES: tuple[Precision, ...] = ("fp32", "fp16")  # that the others are compared with: the nearest to torch first
ON_PROCESSOR: tuple[Precision, ...] = ("fp32", "cpu-int8", "fp16")  # that ONNX Runtime may choose by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedFile:
    """A file of the bundle."""

    file: str
    sha256: str

    def __post_init__(self) -> None:
        """Check that the file stays inside the bundle."""
        _check_file(self.file, self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFile:
    """One ONNX graph; above 2 GB its weights lie in a second file beside it."""

    file: str
    sha256: str
    weights: HashedFile | None = None

    def __post_init__(self) -> None:
        """Check that the file stays inside the bundle."""
        _check_file(self.file, self.sha256)

    @property
    def files(self) -> tuple[HashedFile, ...]:
        """Return all files of the graph."""
        return (HashedFile(file=self.file, sha256=self.sha256), *((self.weights,) if self.weights else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One demand on an artefact, and what was measured at its export."""

    name: str
    limit: float
    measured: float
    outcome: Literal["passed", "failed", "skipped"]
    worst: str  # where it was measured, as "frame 217, joint wrist_flex"; of a skipped one, why


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One precision of the policy. Only one that is `ready` is run, unless a person asks for it by name."""

    precision: Precision
    ready: bool
    foresight: GraphFile
    action: GraphFile
    foresight_max_abs: float  # how far a device may be off the references in the parity file
    action_max_abs_rad: float
    gates: tuple[Gate, ...] = ()

    def __post_init__(self) -> None:
        """Check that one whose gate failed is not called ready."""
        failed = [gate.name for gate in self.gates if gate.outcome == "failed"]
        require(not (self.ready and failed), "ready", self.ready, f"false, as gate {', '.join(failed)} failed")
        for key in ("foresight_max_abs", "action_max_abs_rad"):
            require(0 <= getattr(self, key) < math.inf, key, getattr(self, key), "0 or more, and finite")


def _check_file(file: str, sha256: str) -> None:
    plain = Path(file).name == file and file not in {"", ".."} and file.isprintable()
    require(plain, "file", file, "a file name inside the bundle's folder")
    require(len(sha256) == 64, "sha256", sha256, "64 hexadecimal digits")
