"""What is gathered is what the graphs were given: run again on it, they give the chunks that the arm followed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Lockstep
from bench.samples.from_simulator import (
    CALIBRATION_SEED,
    HELDOUT_SEED,
    SimulatorPlan,
    gather_from_simulator,
    tapped_brain,
)
from bench.samples.sample_rows import evenly
from interfaces.errors import RefusedError, UnfitError
from interfaces.graph_contract import POSITIONS, TOKENS
from interfaces.messages import ActionChunk
from interfaces.progress import silent
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.sample_file import check_samples, input_tensors
from runtime.policy.bundle import LoadedBundle, open_bundle

ROOT = Path(__file__).parents[3]
ROBOT_FILE = ROOT / "robots/simulated.toml"
TINY = ROOT / "tests/data/tiny_bundle"


@pytest.fixture(scope="module")
def robot() -> RobotConfig:
    return load_robot(ROBOT_FILE)


@pytest.fixture(scope="module")
def tiny(robot: RobotConfig) -> LoadedBundle:
    return open_bundle(TINY, robot)


def test_the_graphs_run_again_give_the_chunks_that_were_followed(robot: RobotConfig, tiny: LoadedBundle) -> None:
    brain, rows = tapped_brain(tiny, robot, seed=3)
    made: list[ActionChunk] = []

    def act(*told: object) -> ActionChunk | None:
        chunk = brain.act(*told)  # pyright: ignore[reportArgumentType]
        made.extend([chunk] if chunk is not None else [])
        return chunk

    Lockstep(robot, Latencies(foresight_ms=40.0)).run(replace(brain, act=act), "push", 3, 1.0)
    assert len(rows) == len(made[0::3])  # the seed's remainder by 3 is 0: the first, the fourth, ...
    assert len(rows) >= 5
    for row, chunk in zip(rows, made[0::3], strict=True):
        tokens = np.array(tiny.foresight.run({name: row[name] for name in ("front", "instruction")})[TOKENS])
        inputs = {tensor.name: row[tensor.name] for tensor in tiny.action.spec.inputs if tensor.name != TOKENS}
        positions = tiny.action.run({**inputs, TOKENS: tokens})[POSITIONS]
        np.testing.assert_array_equal(positions, chunk.position_rad)
        assert row["foresight_age"] == np.float32(chunk.foresight_age_ns * 1e-9)
        assert row["instruction"].tolist() == [0, 1, 0, 0]
    assert len({float(row["foresight_age"]) for row in rows}) > 1


def plan(
    n_samples: int, *, first_seed: int = HELDOUT_SEED, workers: int = 1, robot_file: Path = ROBOT_FILE
) -> SimulatorPlan:
    return SimulatorPlan(
        robot_file=robot_file, bundle=TINY, n_samples=n_samples, first_seed=first_seed, workers=workers, time_limit_s=0.6
    )  # fmt: skip


def test_every_task_gives_as_many_and_the_same_again_with_other_workers(tiny: LoadedBundle) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int, _text: str) -> None:
        told.append((done, total))

    one = gather_from_simulator(plan(10), tell)
    two = gather_from_simulator(plan(10, workers=2), silent)
    assert check_samples("gathered", one, tiny.manifest) == 10
    assert list(one) == [tensor.name for tensor in input_tensors(tiny.manifest)]
    assert one["instruction"].sum(axis=0).tolist() == [3, 3, 2, 2]
    assert told[-1] == (10, 10)
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name])
    assert len({picture.tobytes() for picture in one["front"]}) > 5
    assert CALIBRATION_SEED != HELDOUT_SEED


def test_a_bundle_of_another_robot_is_refused_before_any_process_starts() -> None:
    with pytest.raises(UnfitError, match="moves joints"):
        gather_from_simulator(plan(4, robot_file=ROOT / "robots/yam.toml"), silent)


def test_tasks_that_the_simulator_does_not_know_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    for path in TINY.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    text = (folder / "manifest.toml").read_text().replace('"lift"', '"fold the shirt"')
    (folder / "manifest.toml").write_text(text)
    with pytest.raises(RefusedError, match="the simulator has no fold the shirt, only reach, push, press, lift"):
        gather_from_simulator(replace(plan(4), bundle=folder), silent)


@pytest.mark.parametrize(
    ("n_all", "n_wanted", "numbers"), [(3, 5, [0, 1, 2]), (5, 3, [0, 2, 4]), (7, 1, [0]), (4, 0, [])]
)
def test_evenly(n_all: int, n_wanted: int, numbers: list[int]) -> None:
    assert evenly(n_all, n_wanted) == numbers
