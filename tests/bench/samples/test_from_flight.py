"""A flight gives back what the graphs were given; what it does not hold is taken from beside, or drawn, and counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.flight_rig import T_START_NS, FlightWriter, Script, fly
from bench.samples.from_flight import gather_from_flight
from interfaces.bundle_manifest import load_manifest
from interfaces.errors import ConfigError, RefusedError, UnfitError
from interfaces.flight import ActionInference, ForesightInference
from interfaces.messages import Foresight, Frame
from interfaces.progress import silent
from interfaces.robot_config import load_robot
from interfaces.sample_file import check_samples

ROOT = Path(__file__).parents[3]
ROBOT_FILE = ROOT / "robots/simulated.toml"
ROBOT_TEXT = ROBOT_FILE.read_text(encoding="utf-8").replace('"jpeg"', '"png"')
TINY = load_manifest(ROOT / "tests/data/tiny_bundle")
PERIOD_NS = 100_000_000  # between recorded pictures
ACTED = (1, 3)  # pictures that the policy looked at


def t_picture_ns(number: int) -> int:
    return T_START_NS + 50_000_000 + number * PERIOD_NS


def rgb(number: int) -> np.ndarray:
    return np.full((240, 424, 3), 40 * number + 5, np.uint8)


def foreseen(number: int, instruction: str) -> ForesightInference:
    t_ns = t_picture_ns(number)
    foresight = Foresight(
        sequence=1,  # the policy was started again: it counts from the beginning
        instruction=instruction,
        t_capture_ns=t_ns,
        t_done_ns=t_ns + 10_000_000,
        tokens=np.zeros((2, 4), np.float32),
    )
    return ForesightInference(sequence=1, t_start_ns=t_ns + 1_000_000, foresight=foresight)


def acted(number: int, turn: int, horizon: int = 16) -> ActionInference:
    t_ns = t_picture_ns(number) + 20_000_000 + turn * 30_000_000
    return ActionInference(
        sequence=turn + 1,
        chunk_sequence=turn + 1,
        foresight_sequence=1,
        t_start_ns=t_ns,
        t_done_ns=t_ns + 1_000_000,
        t_state_ns=t_ns,
        joints_rad=np.full(6, number + 0.1 * turn),
        noise=np.full((horizon, 6), 10 * number + turn, np.float32),
    )


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures; on two of them the policy acted, twice each."""
    path = tmp_path_factory.mktemp("flight") / "a.mcap"
    with FlightWriter(path, ROBOT_TEXT) as writer:
        writer.flight(fly(load_robot(ROBOT_FILE), Script(periods=60)))
        for number in range(5):
            t_ns = t_picture_ns(number)
            writer.frame(
                Frame(
                    camera="front", number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb(number), depth_mm=None
                )
            )
        for number in ACTED:
            writer.foresight(foreseen(number, "push" if number == 1 else "lift"))
            for turn in range(2):
                writer.inference(acted(number, turn))
    return path


def test_where_the_policy_acted_all_is_as_it_was(flight: Path) -> None:
    found = gather_from_flight(flight, TINY, 2, 0, silent)
    samples = found.samples
    assert check_samples("flight", samples, TINY) == found.n_as_recorded == 2
    assert samples["front"][:, 0, 0, 0].tolist() == [45, 125]
    assert samples["instruction"].argmax(axis=1).tolist() == [1, 3]
    np.testing.assert_allclose(samples["joints"][:, 0], [1.0, 3.1])  # of the first turn, and of the second
    np.testing.assert_allclose(samples["foresight_age"], [0.02, 0.05])
    assert samples["noise"][:, 0, 0].tolist() == [10, 31]


def test_other_pictures_come_after_those_with_what_was_measured_and_followed_then(flight: Path) -> None:
    found = gather_from_flight(flight, TINY, 100, 0, silent)
    samples = found.samples
    assert found.n_as_recorded == 2
    assert samples["front"][:, 0, 0, 0].tolist() == [5, 45, 85, 125, 165]
    assert samples["instruction"].argmax(axis=1)[[0, 1, 3, 4]].tolist() == [1, 1, 3, 3]  # that of the nearest foresight
    assert (np.abs(samples["joints"][[0, 2, 4]]) < 0.5).all()  # measured, not zeros of nobody
    assert (samples["foresight_age"] > 0).all()
    again = gather_from_flight(flight, TINY, 100, 0, silent).samples
    other = gather_from_flight(flight, TINY, 100, 1, silent).samples
    np.testing.assert_array_equal(again["noise"], samples["noise"])
    assert (other["noise"][0] != samples["noise"][0]).any()
    assert (other["noise"][1] == samples["noise"][1]).all()


def test_for_another_bundle_what_it_was_not_given_is_drawn(flight: Path) -> None:
    stranger = replace(TINY, instructions=("fold", "hang", "wash", "iron"))
    found = gather_from_flight(flight, stranger, 2, 0, silent)
    assert found.n_as_recorded == 0
    assert (found.samples["instruction"].sum(axis=1) == 1).all()
    assert len(np.unique(found.samples["noise"])) > 100


@pytest.fixture(scope="module")
def looking_back(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures; on two of them a policy acted that saw two, and of one of those the earlier is not recorded."""
    path = tmp_path_factory.mktemp("flight") / "back.mcap"
    with FlightWriter(path, ROBOT_TEXT) as writer:
        writer.flight(fly(load_robot(ROBOT_FILE), Script(periods=60)))
        for number in range(5):
            t_ns = t_picture_ns(number)
            writer.frame(
                Frame(
                    camera="front", number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb(number), depth_mm=None
                )
            )
        for number, t_earlier_ns in ((2, t_picture_ns(0)), (4, t_picture_ns(3) - 5)):
            run = foreseen(number, "push")
            writer.foresight(replace(run, foresight=replace(run.foresight, t_earlier_ns=(t_earlier_ns,))))
            writer.inference(acted(number, 0))
    return path


def test_pictures_come_with_those_before_them(looking_back: Path) -> None:
    back = replace(TINY, cameras=(replace(TINY.cameras[0], n_history=2, history_step_ms=100.0),))
    front = replace(TINY.foresight.inputs[0], shape=(2, 240, 424, 3))
    back = replace(back, foresight=replace(TINY.foresight, inputs=(front, *TINY.foresight.inputs[1:])))
    found = gather_from_flight(looking_back, back, 100, 0, silent)
    colours = found.samples["front"][:, :, 0, 0, 0].tolist()
    # The first has none before it; the third is as recorded, by a policy that looked farther back; the others as the runtime would.
    assert colours == [[5, 5], [5, 45], [5, 85], [85, 125], [125, 165]]
    assert found.n_as_recorded == 1
    assert found.samples["noise"][2, 0, 0] == 20


def test_flights_of_other_robots_are_refused(flight: Path) -> None:
    with pytest.raises(UnfitError, match="a flight of shoulder_pan"):
        gather_from_flight(flight, replace(TINY, joints=("a", "b")), 2, 0, silent)
    camera = replace(TINY.cameras[0], name="wrist")
    with pytest.raises(UnfitError, match="sees through camera wrist"):
        gather_from_flight(flight, replace(TINY, cameras=(camera,)), 2, 0, silent)


def test_without_pictures_or_without_a_record_there_is_nothing(tmp_path: Path) -> None:
    with FlightWriter(tmp_path / "blind.mcap", ROBOT_TEXT) as writer:
        writer.flight(fly(load_robot(ROBOT_FILE), Script(periods=5)))
    with pytest.raises(RefusedError, match="gave no sample"):
        gather_from_flight(tmp_path / "blind.mcap", TINY, 2, 0, silent)
    (tmp_path / "damaged.mcap").write_bytes(b"no record")
    with pytest.raises(ConfigError, match=r"damaged\.mcap"):
        gather_from_flight(tmp_path / "damaged.mcap", TINY, 2, 0, silent)
