"""Opening a bundle: nothing in it is believed before its hash, its fit to the robot and its parity are checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from interfaces.bundle_manifest import BundleManifest, CameraSpec, GraphSpec, check_fits, load_manifest
from interfaces.errors import BundleError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, check_contract
from interfaces.robot_config import RobotConfig
from runtime.policy.engine import Engine
from runtime.policy.open_engine import open_engine
from runtime.policy.parity import check_parity, read_parity


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBundle:
    """A bundle whose graphs are open, warm, and reproduce their reference outputs on this device."""

    manifest: BundleManifest
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


def open_bundle(folder: Path, robot: RobotConfig) -> LoadedBundle:
    """Return the checked bundle in `folder`.

    Raises ConfigError when the manifest says something that cannot be, and BundleError when the bundle belongs to another
    robot, is corrupt, or is beyond its parity limits; the message says which.
    """
    manifest = load_manifest(folder)
    check_fits(manifest, robot)
    check_contract(manifest)
    if not manifest.cameras:
        raise BundleError(f"bundle {manifest.name} sees through no camera")
    if len(manifest.cameras) > 1 and robot.policy.pair_tolerance_ms is None:
        raise BundleError(
            f"bundle {manifest.name} sees through {len(manifest.cameras)} cameras; robot {robot.name} does not say"
            " in policy.pair_tolerance_ms how far apart their frames may be taken"
        )
    foresight = _open_graph(folder, manifest.foresight, robot.policy.threads)
    action = _open_graph(folder, manifest.action, robot.policy.threads)
    limits = manifest.parity
    parity = read_parity(limits.file, _read_verified(folder, limits.file, limits.sha256))
    return LoadedBundle(
        manifest=manifest,
        foresight=foresight,
        action=action,
        # Running every sample also warms the engines: the first inference of a session is many times slower.
        foresight_off=check_parity(FORESIGHT_GRAPH, foresight, parity, limits.foresight_max_abs),
        action_off_rad=check_parity(ACTION_GRAPH, action, parity, limits.action_max_abs_rad),
    )


def _open_graph(folder: Path, spec: GraphSpec, threads: int) -> Engine:
    return open_engine(_read_verified(folder, spec.file, spec.sha256), spec, threads)


def _read_verified(folder: Path, file: str, sha256: str) -> bytes:
    path = folder / file
    if Path(file).name != file:
        raise BundleError(f"{file}: lies outside the bundle {folder}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        raise BundleError(f"{path}: its sha256 is {found}; the manifest says {sha256}")
    return data  # what is parsed is what was hashed
