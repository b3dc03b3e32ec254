"""The bundle manifest: what a policy's graphs take and give, which robot they fit, and how to prove they are intact.

A bundle is a folder: `manifest.toml`, ONNX graphs, `parity.npz`. Units and joint order are those of interfaces/messages.py.

The contract of the two graphs (every policy family is exported to it):

    foresight:  <camera> uint8 (height, width, 3) per camera, instruction float32 (n_instructions,) one-hot
                -> tokens float32 (n_tokens, token_dim)
    action:     tokens, joints float32 (joint,) rad, foresight_age float32 () seconds, noise float32 (horizon, joint)
                [, prefix float32 (horizon, joint) rad, prefix_rows float32 ()]
                -> positions float32 (horizon, joint) rad

The bracketed pair is for policies trained to go on from a committed prefix: the first `prefix_rows` rows of `prefix` are what the arm
will do before this chunk arrives, at the instants of this chunk's own rows; the others repeat the last of them and mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interfaces.errors import BundleError, ConfigError, UnfitError
from interfaces.robot_config import RobotConfig
from interfaces.toml_loader import from_table, parse_table, require

FORMAT = 1
MANIFEST_FILE = "manifest.toml"
PARITY_FILE = "parity.npz"
SIGNATURE_FILE = "manifest.sig"  # may be there: somebody's word for the manifest, and so for every file that it names


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Name, shape and element type of one input or output of a graph."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec:
    """One graph file of the bundle and its tensors."""

    file: str
    sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __post_init__(self) -> None:
        """Check that the file stays inside the bundle."""
        require(Path(self.file).name == self.file, "file", self.file, "a file name inside the bundle's folder")
        require(len(self.sha256) == 64, "sha256", self.sha256, "64 hexadecimal digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """A picture the foresight graph wants, as the camera gives it."""

    name: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSpec:
    """The shape of an action chunk in time."""

    horizon: int  # rows
    step_ms: float  # between rows
    first_ms: float  # of the first row after the joint state

    def __post_init__(self) -> None:
        """Check the chunk's shape."""
        require(0 < self.horizon <= 64, "horizon", self.horizon, "1..64")
        require(self.step_ms > 0, "step_ms", self.step_ms, "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParitySpec:
    """Reference outputs on real inputs, and how far the device may be off."""

    file: str
    sha256: str
    foresight_max_abs: float
    action_max_abs_rad: float


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
    precision: str
    joints: tuple[str, ...]
    instructions: tuple[str, ...]
    cameras: tuple[CameraSpec, ...]
    chunk: ChunkSpec
    foresight_age_max_ms: float  # the oldest foresight seen in training
    foresight: GraphSpec
    action: GraphSpec
    parity: ParitySpec
    provenance: Provenance

    def __post_init__(self) -> None:
        """Check the format and that there is something to follow."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        require(len(self.instructions) > 0, "instructions", self.instructions, "at least one")


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
    try:
        table = parse_table(data.decode(), file)
    except UnicodeDecodeError as error:
        raise ConfigError(file, "file", str(error), "valid TOML in UTF-8") from error
    written = table.get("format")
    if type(written) is int and written > FORMAT:
        expected = (
            f"at most {FORMAT}: the bundle was written by a newer forerun; upgrade this one, or export it with this one"
        )
        raise ConfigError(file, "format", written, expected)
    return from_table(table, BundleManifest, file)


def bundle_files(manifest: BundleManifest) -> dict[str, str]:
    """Return the sha256 of every file of a bundle but the manifest itself, by name; raises BundleError where one has two."""
    files: dict[str, str] = {}
    for part in (manifest.foresight, manifest.action, manifest.parity):
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
    if robot.policy.foresight_age_max_ms > manifest.foresight_age_max_ms:
        raise UnfitError(
            f"robot {robot.name} allows a foresight age of {robot.policy.foresight_age_max_ms} ms;"
            f" bundle {manifest.name} was trained up to {manifest.foresight_age_max_ms} ms"
        )
