"""Build the TensorRT engines of a bundle on this machine: every candidate is built, timed and gated here, the fastest that passes kept.

A plan is native code for one board and one TensorRT, so it is never shipped; the bundle's ONNX graphs are. With no bundle named, it is
the one in charge on an installed robot. Exit status: 0 built or nothing to do, 1 no candidate passed, 2 refused and nothing changed,
130 given up: the engines from before are as they were."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.engines.cache_changes import Bench
    from export.engines.candidates import BundleSource
    from export.engines.ladder import Climbed
    from export.engines.workshop import Workshop
    from interfaces.bundle_manifest import GraphSpec
    from interfaces.engine import Engine
    from interfaces.engine_cache import Entry
    from interfaces.engine_record import Board, BuildSettings, EngineKey
    from interfaces.progress import Progress
    from runtime.bundles.shelf_changes import ShelfPlace
    from runtime.terminal import LiveLine

TRIAL_COMMAND = (sys.executable, "-I", "-m", "forerun.engine_trial")

_LEVEL = 3  # TensorRT's own default of 0..5; above it builds take several times as long
_MEMORY_STEP_MB = 256
_SHARE_OF_MEMORY = 4  # a quarter: what else runs on the board stays


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", nargs="?", help="folder, or name on the shelf; default the bundle in charge")
    parser.add_argument("--robot", type=Path, metavar="FILE", help="build the bundle that this robot file names")
    parser.add_argument("--shelf", type=Path, metavar="DIR", help="state folder; default that of the installed robot")
    parser.add_argument(
        "--cache", type=Path, metavar="DIR",
        help="default /var/cache/forerun/engines for root, else ~/.cache/forerun/engines",
    )  # fmt: skip
    parser.add_argument(
        "--candidates",
        metavar="NAMES",
        help="try only these, with commas between; default all: int8-fp16,int8-fp32,...",
    )
    parser.add_argument(
        "--memory-mb", type=int, metavar="N", help="for one engine; default a quarter of this machine's"
    )
    parser.add_argument("--no-restart", action="store_true", help="leave the policy that runs as it is")
    parser.add_argument("--rebuild", action="store_true", help="also where there is nothing to do")
    parser.add_argument("--list", action="store_true", help="say what is in the cache, and build nothing")
    parser.add_argument("--prune", action="store_true", help="remove what this TensorRT on this board cannot use")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    from interfaces.engine_cache import cache_folder
    from interfaces.errors import RefusedError

    folder: Path = arguments.cache or cache_folder()
    if arguments.list:
        return _list(folder)
    try:
        return _prune(folder) if arguments.prune else _build(arguments, folder)
    except OSError as error:
        raise RefusedError(f"{error.filename or folder}: {error.strerror}; nothing changed") from error


def _list(folder: Path) -> int:
    from export.engines.cache_changes import rows
    from forerun.build_tables import entries_table
    from interfaces.engine_cache import EngineCache
    from interfaces.errors import DeviceError

    try:
        tensorrt, board = _machine()
    except DeviceError:
        tensorrt, board = None, None
    found = list(rows(EngineCache(folder)))
    print(entries_table(found, tensorrt, board) if found else f"no engines in {folder}; forerun build builds some")
    return 0


def _prune(folder: Path) -> int:
    from export.engines.cache_changes import changing

    tensorrt, board = _machine()
    with changing(folder) as bench:
        removed = bench.prune(tensorrt, board)
    print("\n".join(f"removed {line}" for line in removed) or f"nothing to remove from {folder}")
    return 0


def _build(arguments: argparse.Namespace, folder: Path) -> int:
    from export.engines.cache_changes import changing
    from export.engines.workshop import is_built
    from interfaces.engine_record import engine_key

    tensorrt, board = _machine()
    bundle, settings = _bundle(arguments), _settings(arguments)
    key = engine_key(bundle.manifest, tensorrt, board)
    with changing(folder) as bench:
        there = None if arguments.rebuild else _believed(bench, key, bundle)
        if is_built(there, settings) and there is not None:
            print(f"nothing to do: the engines of {bundle.manifest.name} are in {there.folder}")
            return 0
        print(f"engines of {bundle.manifest.name} for {board.model or board.device}, TensorRT {tensorrt}:", flush=True)
        status = _climb(bundle, _workshop(bench, key, settings))
    if status == 0:
        _use(arguments, folder)
    return status


def _climb(bundle: BundleSource, workshop: Workshop) -> int:
    """Build, try and keep; the cache changes only at the end."""
    from datetime import datetime, timezone

    from export.engines.candidates import chosen
    from export.engines.evidence import gather_evidence
    from export.engines.ladder import Ladder, Tools
    from export.engines.workshop import keep
    from forerun.build_tables import candidates_table
    from runtime.terminal import LiveLine

    with workshop.bench.scratch() as scratch:
        with LiveLine() as line:
            evidence = gather_evidence(bundle, _open_reference, _shown(line))
            tools = Tools(build=workshop.build, trial=workshop.try_out, say=line.say)
            climbed = Ladder(bundle, evidence, tools, scratch).climb(chosen(workshop.settings.candidates), _shown(line))
        print(f"\n{candidates_table(climbed.tried)}\n")
        if not climbed.kept:
            print(f"no candidate passed: {bundle.manifest.name} has no engines here, and runs on ONNX Runtime")
            return 1
        entry = keep(bundle, workshop, climbed, f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M}")
    print(f"{_kept(climbed)}; in {entry.folder}")
    return 0


def _use(arguments: argparse.Namespace, folder: Path) -> None:
    """Let the installed robot's policy start anew: it opened its bundle before there were these engines."""
    from interfaces.installed import Installation
    from runtime.bundles.policy_unit import restart_policy

    there = Installation()
    if folder.absolute() != there.engines:
        if there.current.is_dir():
            print("the installed robot does not look there: sudo forerun build builds its engines")
    elif not arguments.no_restart:
        said, _ = restart_policy(there.state)
        print(said)


def _kept(climbed: Climbed) -> str:
    parts = [f"{graph} {one.candidate.name} ({one.tried.p50_ms:.3f} ms)" for graph, one in climbed.kept.items()]
    gates = ", ".join(f"{gate.name} {gate.measured:.4g} (limit {gate.limit:g})" for gate in climbed.gates)
    return f"kept: {', '.join(parts)}; together {gates or 'not gated: the bundle has no held-out frames'}"


def _machine() -> tuple[str, Board]:
    """Return TensorRT's version and this board; raises DeviceError with what is missing and what to do about it."""
    from interfaces.engine_record import read_board
    from interfaces.errors import DeviceError
    from runtime.tensorrt.probe import found

    try:
        gpu = found()
    except DeviceError as error:
        raise DeviceError(
            f"{error}. Engines are built on the robot, a Jetson with JetPack 6.2 or 7.2 (sudo apt install nvidia-jetpack);"
            " without them bundles run on ONNX Runtime"
        ) from error
    return gpu.tensorrt, read_board(gpu.device, gpu.compute_capability)


def _believed(bench: Bench, key: EngineKey, bundle: BundleSource) -> Entry | None:
    """Return the engines that are there; those that are not to be believed are told of, and built anew."""
    from interfaces.errors import ForerunError

    try:
        return bench.cache.find(key, bundle.manifest)
    except ForerunError as error:
        print(f"{error}")
        return None


def _bundle(arguments: argparse.Namespace) -> BundleSource:
    """Return the bundle that is meant, every file of it verified."""
    from export.engines.candidates import BundleSource
    from interfaces.graph_contract import check_contract
    from interfaces.trusted_path import ANY_OWNER, Trust
    from runtime.policy.bundle import read_manifest, verify_files

    folder, place = _folder(arguments)
    on_shelf = place is not None and folder.parent == place.bundles
    trust = Trust(root=place.state) if place is not None and on_shelf else ANY_OWNER
    manifest = read_manifest(folder, trust)
    check_contract(manifest)
    verify_files(folder, manifest, trust)
    return BundleSource(folder, manifest)


def _folder(arguments: argparse.Namespace) -> tuple[Path, ShelfPlace | None]:
    from interfaces.installed import Installation
    from interfaces.robot_config import load_robot
    from runtime.bundles.listing import bundle_at
    from runtime.bundles.shelf_changes import ShelfPlace
    from runtime.policy.bundle import bundle_folder

    state: Path = arguments.shelf or Installation().state
    place = ShelfPlace(state) if arguments.shelf or state.is_dir() else None
    robot: Path | None = arguments.robot
    if arguments.bundle is None and robot is None and (place is None or place.shelf() is None):
        robot = Installation().robot_file
    if arguments.bundle is None and robot is not None and robot.is_file():
        return bundle_folder(robot, load_robot(robot)), place
    return bundle_at(arguments.bundle, place), place


def _settings(arguments: argparse.Namespace) -> BuildSettings:
    from export.engines.candidates import NAMES, chosen
    from interfaces.engine_record import BuildSettings
    from interfaces.errors import RefusedError

    names = tuple(arguments.candidates.split(",")) if arguments.candidates else NAMES
    memory_mb = _quarter_mb() if arguments.memory_mb is None else int(arguments.memory_mb)
    if memory_mb < 1:
        raise RefusedError(f"--memory-mb is {memory_mb}; expected 1 or more")
    candidates = tuple(candidate.name for candidate in chosen(names))
    return BuildSettings(memory_mb=memory_mb, optimisation_level=_LEVEL, candidates=candidates)


def _quarter_mb() -> int:
    """Return a quarter of this machine's memory, which the GPU of a Jetson shares.

    Rounded, since it is a setting of the build: another kernel, which leaves a little more or less, is no reason to build anew.
    """
    import os

    quarter_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _SHARE_OF_MEMORY // 2**20
    return max(quarter_mb // _MEMORY_STEP_MB, 1) * _MEMORY_STEP_MB


def _workshop(bench: Bench, key: EngineKey, settings: BuildSettings) -> Workshop:
    import time

    from export.engines.workshop import Workshop

    return Workshop(
        module="tensorrt",
        capability="",
        settings=settings,
        key=key,
        bench=bench,
        clock_ns=time.monotonic_ns,
        trial_command=TRIAL_COMMAND,
    )


def _open_reference(path: Path, name: str, spec: GraphSpec) -> Engine:
    import os

    from runtime.policy.open_engine import open_engine

    return open_engine(path, name, spec, os.cpu_count() or 1)


def _shown(line: LiveLine) -> Progress:
    return lambda done, total, text: line.show(f"{100 * done // max(total, 1):3} %  {text}")
