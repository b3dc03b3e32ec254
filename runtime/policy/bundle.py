"""Opening a bundle: nothing in it is believed before its hash, its fit to the robot and its parity are checked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from interfaces.bundle_artefact import GraphFile
from interfaces.bundle_manifest import (
    MANIFEST_FILE,
    MANIFEST_MAX_BYTES,
    SIGNATURE_FILE,
    BundleManifest,
    CameraSpec,
    GraphSpec,
    bundle_files,
    check_fits,
    parse_manifest,
)
from interfaces.engine import Engine
from interfaces.engine_cache import Entry
from interfaces.errors import BundleError, ConfigError, DeviceError, UnfitError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, check_contract
from interfaces.robot_config import PolicyConfig, RobotConfig
from interfaces.trusted_path import ANY_OWNER, Trust, hash_trusted, read_trusted, require_trusted_folders
from runtime.policy.inference_choice import Choice, Inference, choices
from runtime.policy.open_engine import open_engine
from runtime.policy.parity import Arrays, check_parity, read_parity

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBundle:
    """A bundle whose graphs are open, warm, and reproduce their reference outputs on this device."""

    manifest: BundleManifest
    running: Choice  # what of it, and on what
    foresight: Engine
    action: Engine
    foresight_off: float  # largest deviation from the reference
    action_off_rad: float

    @property
    def cameras(self) -> tuple[CameraSpec, ...]:
        """Return the cameras that the bundle sees through."""
        return self.manifest.cameras


def bundle_folder(robot_file: Path, robot: RobotConfig) -> Path:
    """Return the folder of the robot's bundle: relative to the robot file."""
    return robot_file.parent / robot.policy.bundle


def open_bundle(
    folder: Path, robot: RobotConfig, trust: Trust = ANY_OWNER, inference: Inference | None = None
) -> LoadedBundle:
    """Return the checked bundle in `folder`, which must belong to whom `trust` says; `inference` overrules the robot file's.

    Raises ConfigError when the manifest says something that cannot be, UnfitError when the bundle belongs to another robot, and
    BundleError when others may change it, it is corrupt, or beyond its parity limits; the message says which.
    """
    manifest = read_manifest(folder, trust)
    check_fits(manifest, robot)
    if len(manifest.cameras) > 1 and robot.policy.pair_tolerance_ms is None:
        raise UnfitError(
            f"bundle {manifest.name} sees through {len(manifest.cameras)} cameras; robot {robot.name} does not say"
            " in policy.pair_tolerance_ms how far apart their frames may be taken"
        )
    return open_graphs(folder, manifest, robot.policy, trust, inference)


def open_graphs(
    folder: Path,
    manifest: BundleManifest,
    policy: PolicyConfig,
    trust: Trust = ANY_OWNER,
    inference: Inference | None = None,
) -> LoadedBundle:
    """Return the checked bundle in `folder`, whose `manifest` was found to fit what it shall move; raises as `open_bundle`."""
    check_contract(manifest)
    if not manifest.cameras:
        raise BundleError(f"bundle {manifest.name} sees through no camera")
    verify_files(folder, manifest, trust)
    parity = read_parity(
        manifest.parity.file, read_verified(folder, manifest.parity.file, manifest.parity.sha256, trust)
    )
    ways = choices(manifest, inference or policy.inference)

    def engines(way: Choice) -> tuple[Engine, Engine]:
        if isinstance(way.of, Entry):
            return _open_plans(way.of, manifest)
        return (
            _open_graph(folder, way.of.foresight, manifest.foresight, policy.threads, trust),
            _open_graph(folder, way.of.action, manifest.action, policy.threads, trust),
        )

    return _open_best(ways, engines, manifest, parity)


def _open_best(
    ways: Sequence[Choice], engines: Callable[[Choice], tuple[Engine, Engine]], manifest: BundleManifest, parity: Arrays
) -> LoadedBundle:
    """Open the first way that reproduces the references: processors differ, and the integer kernels of some saturate; plans break."""
    way, *others = ways
    try:
        return _checked(way, *engines(way), manifest, parity)
    except (BundleError, DeviceError) as error:
        if not others:
            raise
        _log.warning("%s; not run as %s but as %s", error, way.words, others[0].words)
    return _open_best(others, engines, manifest, parity)


def _checked(way: Choice, foresight: Engine, action: Engine, manifest: BundleManifest, parity: Arrays) -> LoadedBundle:
    return LoadedBundle(
        manifest=manifest,
        running=way,
        foresight=foresight,
        action=action,
        # Running every sample also warms the engines: the first inference of a session is many times slower.
        foresight_off=check_parity(FORESIGHT_GRAPH, foresight, parity, way.foresight_max_abs),
        action_off_rad=check_parity(ACTION_GRAPH, action, parity, way.action_max_abs_rad),
    )


def _open_plans(entry: Entry, manifest: BundleManifest) -> tuple[Engine, Engine]:
    # Imported on use: only a machine with a GPU gets here.
    from runtime.tensorrt.engine import TensorrtEngine

    foresight, action = entry.read_plan(FORESIGHT_GRAPH), entry.read_plan(ACTION_GRAPH)
    return (
        TensorrtEngine(foresight, FORESIGHT_GRAPH, manifest.foresight, urgent=False),
        TensorrtEngine(action, ACTION_GRAPH, manifest.action, urgent=True),
    )


def read_manifest(folder: Path, trust: Trust = ANY_OWNER) -> BundleManifest:
    """Return the manifest of the bundle in `folder`; strictly, only where nothing lies in the folder that it does not name.

    Raises ConfigError when it cannot be read or says something that cannot be, BundleError when others may change folder or file.
    """
    path = folder / MANIFEST_FILE
    try:
        require_trusted_folders(folder, trust)
        manifest = parse_manifest(read_trusted(path, trust, MANIFEST_MAX_BYTES), str(path))
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a readable manifest of a bundle") from error
    if trust.strict:
        require_nothing_else(folder, manifest)
    return manifest


def require_nothing_else(folder: Path, manifest: BundleManifest) -> None:
    """Refuse a bundle with a link, a folder or a file in it that its manifest does not name; raises BundleError, OSError."""
    known = {MANIFEST_FILE, SIGNATURE_FILE, *bundle_files(manifest)}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise BundleError(f"{path}: a link or a folder; a bundle has only plain files")
        if path.name not in known:
            raise BundleError(f"{path}: its manifest does not name this file")


def verify_files(folder: Path, manifest: BundleManifest, trust: Trust = ANY_OWNER) -> None:
    """Refuse a bundle in which any file is not what its hash says, used here or not; raises BundleError naming the first."""
    for file, sha256 in bundle_files(manifest).items():
        try:
            found = hash_trusted(folder / file, trust)
        except OSError as error:
            raise BundleError(f"{folder / file}: {error.strerror}") from error
        if found != sha256:
            raise BundleError(f"{folder / file}: its sha256 is {found}; the manifest says {sha256}")


def read_verified(folder: Path, file: str, sha256: str, trust: Trust = ANY_OWNER) -> bytes:
    """Return the content of a file of the bundle in `folder`; raises BundleError when it is not what its hash says."""
    path = folder / file
    if Path(file).name != file:
        raise BundleError(f"{file}: lies outside the bundle {folder}")
    try:
        data = read_trusted(path, trust)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        raise BundleError(f"{path}: its sha256 is {found}; the manifest says {sha256}")
    return data  # what is parsed is what was hashed


def _open_graph(folder: Path, graph: GraphFile, spec: GraphSpec, threads: int, trust: Trust) -> Engine:
    data = read_verified(folder, graph.file, graph.sha256, trust)
    if graph.weights is None:
        return open_engine(data, graph.file, spec, threads)
    # ONNX Runtime finds the weights by the graph's place.
    return open_engine(folder / graph.file, graph.file, spec, threads)
