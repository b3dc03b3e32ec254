"""The bundle manifest: what a policy's graphs take and give, which robot they fit, and how to prove they are intact.

A bundle is a folder: `manifest.toml`, ONNX graphs in one precision or several (interfaces/bundle_artefact.py), `parity.npz` with a few real
inputs and torch's outputs, `heldout.npz` with some hundreds more for the gates. Units and joint order are those of interfaces/messages.py.

The contract of the two graphs (every policy family is exported to it):

    foresight:  <camera> uint8 (height, width, 3) per camera, instruction float32 (n_instructions,) one-hot
                -> tokens float32 (n_tokens, token_dim)
                a camera with n_history above 1: uint8 (n_history, height, width, 3), oldest first, history_step_ms apart
    action:     tokens, joints float32 (joint,) rad, foresight_age float32 () seconds, noise float32 (horizon, joint)
                [, prefix float32 (horizon, joint) rad, prefix_rows float32 ()]
                -> positions float32 (horizon, joint) rad

A graph that has no use for the instruction, the age or the noise leaves that input out. The bracketed pair is for policies
trained to go on from a committed prefix: the first `prefix_rows` rows of `prefix` are what the arm will do before this chunk
arrives, at the instants of this chunk's own rows; the others repeat the last of them and mean nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from interfaces.bundle_artefact import Artefact, HashedFile, Precision
from interfaces.errors import BundleError, ConfigError, UnfitError
from interfaces.robot_config import RobotConfig
from interfaces.toml_loader import from_table, parse_table, require

FORMAT = 2
MANIFEST_FILE = "manifest.toml"
MANIFEST_MAX_BYTES = 1_000_000  # it has some kB
HISTORY_MAX = 16  # pictures of a camera
HISTORY_MAX_MS = 5000.0  # that they reach back
HELD_MAX = 512  # pictures of a camera that the runtime holds, in ...
HELD_MAX_BYTES = 256_000_000  # ... at most so much memory
HISTORY_LATE_RATIO = 0.05  # of a step, by which a picture may be late: stamps jitter; 3 x 33 333 333 ns are no 100 ms
_DOTS_MAX = 100  # in a line: over a key of a hundred thousand parts, Python's own TOML reader sits for hours
PARITY_FILE = "parity.npz"
HELDOUT_FILE = "heldout.npz"
SIGNATURE_FILE = "manifest.sig"  # may be there: somebody's word for the manifest, and so for every file that it names
_LATER = f"at most {FORMAT}: the bundle was written by a newer forerun; upgrade this one, or export it with this one"
_EARLIER = f"{FORMAT}: the bundle was written by an older forerun; export it again with this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Name, shape and element type of one input or output of a graph."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec:
    """The tensors of a graph, the same in every precision."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """What the foresight graph wants of a camera: its newest picture as it gives it, or some earlier ones with it."""

    name: str
    width_px: int
    height_px: int
    n_history: int = 1  # pictures, the newest one included
    history_step_ms: float = 100.0  # between them; means nothing for one

    def __post_init__(self) -> None:
        """Check how far it looks back."""
        require(1 <= self.n_history <= HISTORY_MAX, "n_history", self.n_history, f"1..{HISTORY_MAX}")
        step_ms = self.history_step_ms
        require(0 < step_ms < math.inf, "history_step_ms", step_ms, "more than 0, and finite")
        most = f"at most {HISTORY_MAX_MS:g} ms over all of n_history = {self.n_history}"
        require(self.look_back_ms <= HISTORY_MAX_MS, "history_step_ms", step_ms, most)

    @property
    def look_back_ms(self) -> float:
        """Return how much older the oldest picture is than the newest."""
        return (self.n_history - 1) * self.history_step_ms

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the graph's input."""
        picture = (self.height_px, self.width_px, 3)
        return picture if self.n_history == 1 else (self.n_history, *picture)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSpec:
    """The shape of an action chunk in time."""

    horizon: int  # rows
    step_ms: float  # between rows
    first_ms: float  # of the first row after the joint state

    def __post_init__(self) -> None:
        """Check the chunk's shape."""
        require(0 < self.horizon <= 64, "horizon", self.horizon, "1..64")
        require(0 < self.step_ms < math.inf, "step_ms", self.step_ms, "more than 0, and finite")
        require(math.isfinite(self.first_ms), "first_ms", self.first_ms, "a finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the policy comes from, for people."""

    commit: str
    command: str
    trained_on: str
    created: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleManifest:
    """All that the runtime needs to know of a policy."""

    format: int
    family: str
    name: str
    joints: tuple[str, ...]
    instructions: tuple[str, ...]
    cameras: tuple[CameraSpec, ...]
    chunk: ChunkSpec
    foresight_age_max_ms: float  # the oldest foresight seen in training
    foresight: GraphSpec
    action: GraphSpec
    artefacts: tuple[Artefact, ...]  # best first: a processor runs the first one that is ready and made for it
    parity: HashedFile
    provenance: Provenance
    heldout: HashedFile | None = None  # of a bundle whose gates can be measured again
    documents: tuple[HashedFile, ...] = ()  # for people: what was left in higher precision, and why

    def __post_init__(self) -> None:
        """Check the format, that there is something to follow, and that each precision is there once."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        age_max_ms = self.foresight_age_max_ms
        require(0 < age_max_ms < math.inf, "foresight_age_max_ms", age_max_ms, "more than 0, and finite")
        require(len(self.instructions) > 0, "instructions", self.instructions, "at least one")
        precisions = [artefact.precision for artefact in self.artefacts]
        once = 0 < len(precisions) == len(set(precisions))
        require(once, "artefacts.precision", precisions, "at least one artefact, each precision once")

    def artefact(self, precision: Precision) -> Artefact:
        """Return the artefact of that precision; raises BundleError where there is none, naming those that are."""
        for artefact in self.artefacts:
            if artefact.precision == precision:
                return artefact
        has = ", ".join(artefact.precision for artefact in self.artefacts)
        raise BundleError(f"bundle {self.name} has no {precision} artefact, only {has}")


def load_manifest(folder: Path) -> BundleManifest:
    """Return the manifest of the bundle in `folder`; raises ConfigError when it cannot be read or says something that cannot be."""
    path = folder / MANIFEST_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a readable manifest of a bundle") from error
    return parse_manifest(data, str(path))


def parse_manifest(data: bytes, file: str) -> BundleManifest:
    """Return the manifest in the bytes of its `file`; raises ConfigError, of a newer format before anything else it may say."""
    dots = max((line.count(b".") for line in data.splitlines()), default=0)
    if dots > _DOTS_MAX:
        raise ConfigError(file, "file", f"a line with {dots} dots in it", f"at most {_DOTS_MAX}")
    try:
        table = parse_table(data.decode(), file)
    except UnicodeDecodeError as error:
        raise ConfigError(file, "file", str(error), "valid TOML in UTF-8") from error
    written = table.get("format")
    if type(written) is int and written != FORMAT:
        raise ConfigError(file, "format", written, _LATER if written > FORMAT else _EARLIER)
    return from_table(table, BundleManifest, file)


def bundle_files(manifest: BundleManifest) -> dict[str, str]:
    """Return the sha256 of every file of a bundle but the manifest itself, by name; raises BundleError where one has two."""
    graphs = (graph for artefact in manifest.artefacts for graph in (artefact.foresight, artefact.action))
    others = (manifest.parity, *((manifest.heldout,) if manifest.heldout else ()), *manifest.documents)
    files: dict[str, str] = {}
    for part in (*(file for graph in graphs for file in graph.files), *others):
        if part.file in {MANIFEST_FILE, SIGNATURE_FILE}:
            raise BundleError(
                f"bundle {manifest.name}: its manifest gives {part.file} a hash, which that file cannot have"
            )
        if files.setdefault(part.file, part.sha256.lower()) != part.sha256.lower():
            raise BundleError(f"bundle {manifest.name}: its manifest gives {part.file} two hashes")
    return files


def check_fits(manifest: BundleManifest, robot: RobotConfig) -> None:
    """Refuse a bundle made for another robot; raises UnfitError saying what differs."""
    if manifest.joints != robot.arm.joint_names:
        raise UnfitError(
            f"bundle {manifest.name} moves joints {', '.join(manifest.joints)}; robot {robot.name} has {', '.join(robot.arm.joint_names)}"
        )
    cameras = {camera.name: (camera.width_px, camera.height_px) for camera in robot.cameras}
    for wanted in manifest.cameras:
        size = (wanted.width_px, wanted.height_px)
        if cameras.get(wanted.name) != size:
            has = f"has {cameras[wanted.name]}" if wanted.name in cameras else f"has only {', '.join(cameras)}"
            raise UnfitError(
                f"bundle {manifest.name} sees through camera {wanted.name} at {size}; robot {robot.name} {has}"
            )
        _check_history(manifest, wanted, robot)
    if robot.policy.foresight_age_max_ms > manifest.foresight_age_max_ms:
        raise UnfitError(
            f"robot {robot.name} allows a foresight age of {robot.policy.foresight_age_max_ms} ms;"
            f" bundle {manifest.name} was trained up to {manifest.foresight_age_max_ms} ms"
        )


def _check_history(manifest: BundleManifest, wanted: CameraSpec, robot: RobotConfig) -> None:
    """Refuse a camera that is too slow for a picture each step, or so fast that too many would have to be held."""
    if wanted.n_history == 1:
        return
    rate_hz = next(camera.rate_hz for camera in robot.cameras if camera.name == wanted.name)
    told = f"bundle {manifest.name} looks back {wanted.look_back_ms:g} ms through camera {wanted.name}"
    if 1e3 / rate_hz > wanted.history_step_ms * (1 + HISTORY_LATE_RATIO):
        raise UnfitError(
            f"{told}, a picture each {wanted.history_step_ms:g} ms; robot {robot.name} has one each {1e3 / rate_hz:.1f} ms"
        )
    held = math.ceil(wanted.look_back_ms * 1e-3 * rate_hz) + 2
    held_bytes = held * wanted.height_px * wanted.width_px * 3
    if held > HELD_MAX or held_bytes > HELD_MAX_BYTES:
        raise UnfitError(
            f"{told}: at the {rate_hz:g} Hz of robot {robot.name} those are {held} pictures of {held_bytes / 1e6:.0f} MB;"
            f" at most {HELD_MAX} of {HELD_MAX_BYTES / 1e6:.0f} MB are held"
        )
