"""A policy that looks back, all the way: from torch to a bundle, in lockstep, into a record, and decided again from it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.closed_loop.brains import policy_brain
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Brain, Lockstep
from bench.flight_rig import FlightWriter
from forerun.__main__ import main
from interfaces.flight import ActionInference, ForesightInference
from interfaces.messages import ActionChunk, Foresight, Frame, JointState
from interfaces.robot_config import RobotConfig, load_robot
from runtime.flight.reader import read_flight
from runtime.flight.record import FlightRecord
from runtime.flight.replay_inference import replay_action, replay_foresight
from runtime.policy.action_stage import ActionStage
from runtime.policy.board import PolicyBoard
from runtime.policy.bundle import LoadedBundle, open_bundle
from runtime.policy.frame_gathering import FrameGathering

pytest.importorskip("torch")
ROOT = Path(__file__).parents[3]
ROBOT_FILE = ROOT / "robots/simulated.toml"
SOURCE = ROOT / "tests/data/history_policy.py"
FRAME_NS = round(1e9 / 30)


@pytest.fixture(scope="module")
def robot() -> RobotConfig:
    return load_robot(ROBOT_FILE)


@pytest.fixture(scope="module")
def bundle(robot: RobotConfig, tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    """The policy, exported as a person would."""
    folder = tmp_path_factory.mktemp("export") / "back"
    assert main(["export", f"{SOURCE}:policy", str(folder), "--precisions"]) == 0
    return open_bundle(folder, robot)


@dataclass(slots=True)
class Told:
    """What an episode's stages did."""

    frames: dict[int, Frame] = field(default_factory=dict[int, Frame])  # by instant
    foresights: list[ForesightInference] = field(default_factory=list[ForesightInference])
    chunks: list[ActionChunk] = field(default_factory=list[ActionChunk])
    actions: list[ActionInference] = field(default_factory=list[ActionInference])


def telling(bundle: LoadedBundle, robot: RobotConfig, told: Told) -> Brain:
    """Return the policy's brain that notes what a record would hold."""
    inner, stage, sequence = policy_brain(bundle, robot.policy), ActionStage(bundle, robot.policy), count(1)
    assert inner.foresee is not None
    foresee = inner.foresee

    def look(frames: tuple[Frame, ...], task: str, t_now_ns: int) -> Foresight:
        told.frames |= {one.t_capture_ns: one for frame in frames for one in (*frame.earlier, frame)}
        made = foresee(frames, task, t_now_ns)
        told.foresights.append(ForesightInference(sequence=made.sequence, t_start_ns=t_now_ns, foresight=made))
        return made

    def act(foresight: Foresight | None, joints: JointState, task: str, t_now_ns: int) -> ActionChunk | None:
        chunk = None if foresight is None else stage.act(foresight, joints, task, t_now_ns)
        if chunk is not None and foresight is not None:
            told.chunks.append(chunk)
            told.actions.append(
                ActionInference(
                    sequence=next(sequence),
                    chunk_sequence=chunk.sequence,
                    foresight_sequence=foresight.sequence,
                    t_start_ns=t_now_ns,
                    t_done_ns=t_now_ns,
                    t_state_ns=chunk.t_state_ns,
                    joints_rad=stage.joints_rad,
                    noise=stage.noise,
                )
            )
        return chunk

    return replace(inner, foresee=look, act=act)


@pytest.fixture(scope="module")
def told(robot: RobotConfig, bundle: LoadedBundle) -> Told:
    """What was done in most of a second."""
    told = Told()
    Lockstep(robot, Latencies(foresight_ms=20.0)).run(telling(bundle, robot, told), "reach", 5, 0.8)
    return told


def recorded(told: Told, path: Path, but: Callable[[Frame], bool] = lambda _: False) -> FlightRecord:
    """Return the record of an episode, without some of its pictures."""
    text = ROBOT_FILE.read_text(encoding="utf-8").replace('"jpeg"', '"png"')
    with FlightWriter(path, text) as writer:
        for _, frame in sorted(told.frames.items()):
            if not but(frame):
                writer.frame(frame)
        for run in told.foresights:
            writer.foresight(run)
        for chunk, action in zip(told.chunks, told.actions, strict=True):
            writer.chunk(chunk)
            writer.inference(action)
    return read_flight(path)


def test_in_lockstep_it_sees_what_it_would_in_real_time(robot: RobotConfig, bundle: LoadedBundle, told: Told) -> None:
    assert len(told.foresights) >= 8
    seen = [run.foresight for run in told.foresights]
    first_ns = seen[0].t_capture_ns
    assert seen[0].t_earlier_ns == (first_ns, first_ns)  # as at the beginning of an episode in training
    board = PolicyBoard()
    gathering = FrameGathering(robot.cameras[:1], 0.0, board, bundle.cameras)
    live: dict[int, tuple[int, ...]] = {}
    for t_ns in range(first_ns, seen[-1].t_capture_ns + 1, FRAME_NS):  # every frame, also those nobody foresaw from
        frame = Frame(
            camera="front",
            number=0,
            t_capture_ns=t_ns,
            t_arrival_ns=t_ns,
            rgb=np.zeros((2, 2, 3), np.uint8),
            depth_mm=None,
        )
        gathering.put(frame, t_ns)
        newest = board.frames.newest()
        assert newest is not None
        live[t_ns] = tuple(one.t_capture_ns for one in newest.value[0].earlier)
    assert [foresight.t_earlier_ns for foresight in seen] == [live[foresight.t_capture_ns] for foresight in seen]
    last = seen[-1]
    assert last.t_earlier_ns == (last.t_capture_ns - 6 * FRAME_NS, last.t_capture_ns - 3 * FRAME_NS)


def test_its_pictures_are_those_of_their_instants(told: Told) -> None:
    """The arm moves, so pictures of different instants differ, and the tokens are made of them, oldest first."""
    for run in told.foresights:
        foresight = run.foresight
        shown = [told.frames[t_ns].rgb for t_ns in (*foresight.t_earlier_ns, foresight.t_capture_ns)]
        patches = np.stack(shown)[..., 1].reshape(3, 4, 60, 4, 106).mean((2, 4)).reshape(3, 16) / 255
        np.testing.assert_allclose(foresight.tokens[:, :16], patches, atol=1e-5)
    last = told.foresights[-1].foresight.tokens
    assert all(np.abs(before - after).max() > 1e-4 for before, after in pairwise(last))
    numbers = [frame.number for frame in told.frames.values()]
    assert len(set(numbers)) == len(numbers)


def test_it_is_decided_again_to_the_last_bit(bundle: LoadedBundle, told: Told, tmp_path: Path) -> None:
    record = recorded(told, tmp_path / "a.mcap")
    assert [run.foresight.t_earlier_ns for run in record.foresights] == [
        run.foresight.t_earlier_ns for run in told.foresights
    ]
    foresight, action = replay_foresight(record, bundle), replay_action(record, bundle)
    assert (foresight.compared, foresight.identical, foresight.lossy) == (len(told.foresights),) * 2 + (False,)
    assert (action.compared, action.identical) == (len(told.actions),) * 2
    turned = [
        replace(run, foresight=replace(run.foresight, t_earlier_ns=run.foresight.t_earlier_ns[::-1]))
        for run in record.foresights
    ]
    other = replay_foresight(replace(record, foresights=tuple(turned)), bundle)
    assert other.compared == len(turned)
    assert other.identical < len(turned)  # the order counts, so the comparison is one


def test_with_an_earlier_picture_lost_nothing_is_compared(bundle: LoadedBundle, told: Told, tmp_path: Path) -> None:
    newest = {run.foresight.t_capture_ns for run in told.foresights}
    record = recorded(told, tmp_path / "b.mcap", lambda frame: frame.t_capture_ns not in newest)
    replayed = replay_foresight(record, bundle)
    assert replayed.compared == replayed.identical < len(told.foresights)
    assert replayed.not_compared == (
        ("an earlier picture that it saw is not recorded", len(told.foresights) - replayed.compared),
    )
    one = replace(bundle, manifest=replace(bundle.manifest, cameras=(replace(bundle.cameras[0], n_history=1),)))
    why = dict(replay_foresight(recorded(told, tmp_path / "c.mcap"), one).not_compared)
    assert why == {"it saw 3 pictures; this bundle sees 1": len(told.foresights)}
