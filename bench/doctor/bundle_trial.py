"""The bundle that a robot runs, opened and timed in a process of its own: a broken graph may take that down, and not the doctor.

    python -m bench.doctor.bundle_trial ROBOT.toml FOLDER measure|look

`look` checks manifest, hashes and fit only: beside a robot that runs, inference would take time from its own.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

from bench.doctor.asking import Ask
from interfaces.errors import ForerunError
from interfaces.robot_config import RobotConfig
from interfaces.trusted_path import Trust
from runtime.bundles.run_choice import stand_on
from runtime.bundles.shelf_file import Shelf, bundles_of, read_shelf
from runtime.bundles.standing import Stand
from runtime.policy.bundle import bundle_folder

_RUNS = 15  # of each graph, after those of the parity check
_RUN = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFacts:
    """What came of it; times are NaN where none was measured."""

    name: str = ""
    precision: str = ""
    engine: str = ""
    refused: str = ""  # why it does not open
    trouble: str = ""  # why nothing is known
    measured: bool = False
    foresight_p50_ms: float = float("nan")
    foresight_p99_ms: float = float("nan")
    action_p50_ms: float = float("nan")
    action_p99_ms: float = float("nan")


_NO_FINDING = BundleFacts(trouble="its examination says what is no finding")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfFacts:
    """The shelf of bundles of an installed robot."""

    there: bool = False  # somebody was put in charge
    active: str = ""
    stand: Stand | None = None  # of the active one
    previous: str = ""
    previous_stand: Stand | None = None
    trouble: str = ""  # why the shelf cannot be read


def read_shelf_facts(state: Path) -> ShelfFacts:
    """Return who is in charge on the shelf at `state`; nothing is noted by asking."""
    try:
        shelf: Shelf | None = read_shelf(state)
        if shelf is None:
            return ShelfFacts()
        previous = shelf.previous
        return ShelfFacts(
            there=True,
            active=shelf.active.folder,
            stand=stand_on(state, shelf.active),
            previous=previous.folder if previous else "",
            previous_stand=stand_on(state, previous) if previous else None,
        )
    except (ForerunError, OSError) as error:
        return ShelfFacts(trouble=str(error))


def chosen_folder(shelf: ShelfFacts, state: Path, robot_file: Path, robot: RobotConfig) -> Path:
    """Return the folder of the bundle that a start would run."""
    if not shelf.there:
        return bundle_folder(robot_file, robot)
    fallen = shelf.stand is not None and not shelf.stand.good and shelf.previous_stand is not None
    return bundles_of(state) / (shelf.previous if fallen else shelf.active)


def read_bundle(robot_file: Path, folder: Path, ask: Ask, *, measure: bool) -> BundleFacts:
    """Return what a process of its own finds out."""
    root, how = str(Path(__file__).parents[2]), "measure" if measure else "look"
    arguments = [root, "bench.doctor.bundle_trial", str(robot_file), str(folder), how]
    answer = ask([sys.executable, "-I", "-c", _RUN, *arguments])
    if answer.trouble:
        return BundleFacts(trouble=answer.trouble)
    return parse_bundle(answer.text)


def parse_bundle(told: str) -> BundleFacts:
    """Return what the process said."""
    try:
        said: Any = json.loads(told)
        facts = BundleFacts(**cast("dict[str, Any]", said))
    except (ValueError, TypeError, RecursionError):
        return _NO_FINDING
    plain = BundleFacts()
    as_asked = all(type(getattr(facts, each.name)) is type(getattr(plain, each.name)) for each in fields(facts))
    return facts if as_asked else _NO_FINDING


def examine(robot_file: Path, folder: Path, *, measure: bool) -> BundleFacts:
    """Open the bundle for the robot, and time it; what is wrong with it is part of what is found."""
    from interfaces.bundle_manifest import check_fits
    from interfaces.robot_config import load_robot
    from runtime.policy.bundle import read_manifest, verify_files

    try:
        robot, trust = load_robot(robot_file), Trust()
        if measure:
            return _measured(folder, robot)
        manifest = read_manifest(folder, trust)
        check_fits(manifest, robot)
        verify_files(folder, manifest, trust)
        return BundleFacts(
            name=manifest.name, precision=", ".join(artefact.precision for artefact in manifest.artefacts)
        )
    except (ForerunError, OSError) as error:
        return BundleFacts(refused=str(error))


def _measured(folder: Path, robot: RobotConfig) -> BundleFacts:
    import numpy as np

    from bench.latency.durations import durations_ms
    from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH
    from runtime.policy.bundle import open_bundle
    from runtime.policy.parity import read_parity

    bundle = open_bundle(folder, robot)
    parity = read_parity(bundle.manifest.parity.file, (folder / bundle.manifest.parity.file).read_bytes())
    foresight = np.percentile(durations_ms(FORESIGHT_GRAPH, bundle.foresight, parity, _RUNS), (50, 99))
    action = np.percentile(durations_ms(ACTION_GRAPH, bundle.action, parity, _RUNS), (50, 99))
    return BundleFacts(
        name=bundle.manifest.name,
        precision=bundle.running.precision,
        engine=type(bundle.foresight).__name__,
        measured=True,
        foresight_p50_ms=float(foresight[0]),
        foresight_p99_ms=float(foresight[1]),
        action_p50_ms=float(action[0]),
        action_p99_ms=float(action[1]),
    )


if __name__ == "__main__":
    found = examine(Path(sys.argv[1]), Path(sys.argv[2]), measure=sys.argv[3] == "measure")
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
