"""What stands beside a TensorRT engine: for which graphs, library and board it was built, how, and what else was tried.

An engine is native code for one board and one version of TensorRT, so it is built where it runs and believed only with a record of our
own beside it (https://docs.nvidia.com/deeplearning/tensorrt/latest/reference/security.html). The two graphs of a bundle are
chosen and gated together, so one record holds both.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interfaces.bundle_artefact import Artefact, Gate, Precision
from interfaces.bundle_manifest import BundleManifest, GraphSpec, TensorSpec
from interfaces.errors import ConfigError
from interfaces.toml_loader import from_table, parse_table, require

RECORD_FORMAT = 1
RECORD_FILE = "record.toml"
BUILT_FROM: tuple[Precision, ...] = ("trt-int8", "fp16", "fp32")  # the artefacts that TensorRT can build

EnginePrecision = Literal["int8", "fp16", "fp32"]
Outcome = Literal["kept", "slower", "refused", "failed", "untried"]

_NAME_DIGITS = 32
_LATER = f"at most {RECORD_FORMAT}: written by a newer forerun; `forerun build --rebuild` builds anew with this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The machine that engines are built for: they run on no other."""

    device: str  # as CUDA calls it: Orin
    compute_capability: str  # 8.7
    model: str  # of the board, as its device tree says; empty where there is none
    l4t: str  # NVIDIA's release for Jetson: 36.4.3; empty elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """What a person may choose of a build."""

    memory_mb: int  # at most, for the workspace of one engine while it is built and run
    optimisation_level: int  # TensorRT's builder_optimization_level, 0 to 5
    candidates: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the numbers."""
        require(self.memory_mb > 0, "memory_mb", self.memory_mb, "more than 0")
        require(0 <= self.optimisation_level <= 5, "optimisation_level", self.optimisation_level, "0 to 5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One candidate and what became of it."""

    candidate: str
    outcome: Outcome
    why: str  # in words; of the one kept, empty
    build_s: float = 0.0
    size_bytes: int = 0  # of the plan; 0 where there is none
    weights_bytes: int = 0  # as they are stored in it: they tell what is INT8; 0 where TensorRT does not say
    warnings: tuple[str, ...] = ()  # of TensorRT
    runs: int = 0  # that were timed
    p50_ms: float | None = None
    p99_ms: float | None = None
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The engine of one graph."""

    file: str
    sha256: str
    size_bytes: int
    candidate: str
    precision: EnginePrecision
    parity_max_abs: float  # how far it may be off the references in the parity file
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    tried: tuple[Tried, ...]

    def __post_init__(self) -> None:
        """Check that the file stays inside the entry's folder."""
        plain = bool(self.file) and Path(self.file).name == self.file
        require(plain, "file", self.file, "a file name inside the entry's folder")
        require(len(self.sha256) == 64, "sha256", self.sha256, "64 hexadecimal digits")
        limit = self.parity_max_abs
        require(0 <= limit < math.inf, "parity_max_abs", limit, "0 or more, and finite")
        require(self.size_bytes > 0, "size_bytes", self.size_bytes, "more than 0")

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the engine."""
        return GraphSpec(inputs=self.inputs, outputs=self.outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """For what an engine was built: with any other answer it is another engine."""

    sources: tuple[str, ...]  # "fp16 foresight <sha256>": the graphs, and the samples they were gated on
    tensorrt: str  # version
    board: Board

    @property
    def name(self) -> str:
        """Return the name of the entry's folder."""
        board = self.board
        parts = (*self.sources, self.tensorrt, board.device, board.compute_capability, board.model, board.l4t)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_NAME_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRecord:
    """One entry of the cache."""

    format: int
    bundle: str
    created: str
    key: EngineKey
    settings: BuildSettings
    gates: tuple[Gate, ...]  # of the two engines together
    foresight: Plan
    action: Plan

    def __post_init__(self) -> None:
        """Check the format."""
        require(self.format == RECORD_FORMAT, "format", self.format, f"{RECORD_FORMAT}, which this forerun reads")


def sources_of(manifest: BundleManifest) -> tuple[Artefact, ...]:
    """Return the artefacts that engines are built from: those that are ready and made for TensorRT."""
    return tuple(one for one in manifest.artefacts if one.ready and one.precision in BUILT_FROM)


def engine_key(manifest: BundleManifest, tensorrt: str, board: Board) -> EngineKey:
    """Return under what the engines of a bundle are kept on this board with this version of TensorRT."""
    return EngineKey(sources=tuple(sorted(_source_lines(manifest))), tensorrt=tensorrt, board=board)


def _source_lines(manifest: BundleManifest) -> Iterable[str]:
    for artefact in sources_of(manifest):
        for graph, file in (("foresight", artefact.foresight), ("action", artefact.action)):
            hashes = " ".join(part.sha256.lower() for part in file.files)
            yield f"{artefact.precision} {graph} {hashes}"
    yield f"parity {manifest.parity.sha256.lower()}"
    if manifest.heldout is not None:
        yield f"heldout {manifest.heldout.sha256.lower()}"


def parse_record(data: bytes, file: str) -> EngineRecord:
    """Return the record in the bytes of its `file`; raises ConfigError, of a newer format before anything else it may say."""
    try:
        table = parse_table(data.decode(), file)
    except UnicodeDecodeError as error:
        raise ConfigError(file, "file", str(error), "valid TOML in UTF-8") from error
    written = table.get("format")
    if type(written) is int and written > RECORD_FORMAT:
        raise ConfigError(file, "format", written, _LATER)
    return from_table(table, EngineRecord, file)


def read_board(device: str, compute_capability: str, root: Path = Path("/")) -> Board:
    """Return this board: two facts as CUDA says them, two as the system below `root` does."""
    model = _text(root / "proc/device-tree/model").replace("\0", "").strip()
    return Board(
        device=device,
        compute_capability=compute_capability,
        model=model,
        l4t=l4t_release(_text(root / "etc/nv_tegra_release")),
    )


def l4t_release(text: str) -> str:
    """Return the release in the text of /etc/nv_tegra_release, as 36.4.3; nothing where it says none.

    Its first line reads `# R36 (release), REVISION: 4.3, GCID: ...`.
    """
    major, _, rest = text.partition("(release), REVISION:")
    number = major.strip().lstrip("# R").strip()
    revision = rest.partition(",")[0].strip()
    return f"{number}.{revision}" if number.isdigit() and revision else ""


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""
