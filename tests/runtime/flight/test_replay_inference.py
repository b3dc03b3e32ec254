"""Replay of the inference: from tokens, joints, age and noise the same chunk, from a picture in png the same tokens."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bench.flight_rig import T_START_NS, FlightWriter, Script, fly
from forerun.__main__ import main
from interfaces.flight import ActionInference, ForesightInference
from interfaces.graph_contract import FORESIGHT_AGE, JOINTS, NOISE, POSITIONS, TOKENS
from interfaces.messages import ActionChunk, Foresight, Frame, JointState
from interfaces.robot_config import RobotConfig, load_robot
from runtime.flight.reader import read_flight
from runtime.flight.replay_inference import replay_action, replay_foresight
from runtime.policy.bundle import LoadedBundle, open_bundle
from runtime.policy.foresight_stage import ForesightStage

ROOT = Path(__file__).parents[3]
ROBOT_FILE = ROOT / "robots/simulated.toml"
ROBOT_TEXT = ROBOT_FILE.read_text(encoding="utf-8")
TINY_BUNDLE = ROOT / "tests/data/tiny_bundle"


@pytest.fixture(scope="module")
def robot() -> RobotConfig:
    return load_robot(ROBOT_FILE)


@pytest.fixture(scope="module")
def tiny(robot: RobotConfig) -> LoadedBundle:
    return open_bundle(TINY_BUNDLE, robot)


def foreseen(bundle: LoadedBundle, robot: RobotConfig) -> tuple[Frame, ForesightInference]:
    camera = robot.cameras[0]
    rgb = np.random.default_rng(3).integers(0, 256, (camera.height_px, camera.width_px, 3), np.uint8)
    t_ns = T_START_NS - 50_000_000
    frame = Frame(camera="front", number=1, t_capture_ns=t_ns, t_arrival_ns=t_ns + 5, rgb=rgb, depth_mm=None)
    foresight = ForesightStage(bundle).foresee((frame,), "push", t_ns + 20_000_000)
    return frame, ForesightInference(sequence=1, t_start_ns=t_ns + 10_000_000, foresight=foresight)


def acted(
    bundle: LoadedBundle, foresight: Foresight, sequence: int, joints: JointState
) -> tuple[ActionChunk, ActionInference]:
    noise = np.random.default_rng(sequence).standard_normal((16, 6), np.float32)
    age_ns = joints.t_measured_ns - foresight.t_capture_ns
    inputs = {
        TOKENS: foresight.tokens,
        JOINTS: joints.position_rad.astype(np.float32),
        FORESIGHT_AGE: np.array(age_ns * 1e-9, np.float32),
        NOISE: noise,
    }
    chunk = ActionChunk(
        sequence=sequence,
        t_capture_ns=foresight.t_capture_ns,
        t_state_ns=joints.t_measured_ns,
        t_first_ns=joints.t_measured_ns + 50_000_000,
        step_ns=50_000_000,
        foresight_age_ns=age_ns,
        position_rad=np.array(bundle.action.run(inputs)[POSITIONS], np.float64),
    )
    run = ActionInference(
        sequence=sequence,
        chunk_sequence=sequence,
        foresight_sequence=foresight.sequence,
        t_start_ns=joints.t_measured_ns + 1_000_000,
        t_done_ns=joints.t_measured_ns + 3_000_000,
        t_state_ns=joints.t_measured_ns,
        joints_rad=joints.position_rad,
        noise=noise,
    )
    return chunk, run


@pytest.fixture(scope="module")
def inferred(tmp_path_factory: pytest.TempPathFactory, robot: RobotConfig, tiny: LoadedBundle) -> Path:
    """A record of a flight by the tiny bundle, with its picture in png."""
    path = tmp_path_factory.mktemp("inferred") / "a.mcap"
    frame, run = foreseen(tiny, robot)
    runs: list[ActionInference] = []

    def brain(sequence: int, joints: JointState) -> ActionChunk:
        chunk, inference = acted(tiny, run.foresight, sequence, joints)
        runs.append(inference)
        return chunk

    flight = fly(robot, Script(periods=40), brain)
    with FlightWriter(path, ROBOT_TEXT.replace('"jpeg"', '"png"')) as writer:
        writer.frame(frame)
        writer.foresight(run)
        writer.flight(flight)
        for inference in (*runs, dataclasses.replace(runs[-1], chunk_sequence=999)):
            writer.inference(inference)
    return path


def test_inference_runs_again_to_the_same_bits(inferred: Path, tiny: LoadedBundle) -> None:
    record = read_flight(inferred)
    action, foresight = replay_action(record, tiny), replay_foresight(record, tiny)
    assert (action.runs, action.compared, action.identical, action.beyond) == (11, 10, 10, 0)
    assert action.not_compared[0][1] == 1
    assert (foresight.compared, foresight.identical, foresight.lossy) == (1, 1, False)
    assert action.same
    assert foresight.same


def test_other_tokens_are_beyond_the_parity_limit(inferred: Path, tiny: LoadedBundle) -> None:
    record = read_flight(inferred)
    (run,) = record.foresights
    other = dataclasses.replace(run.foresight, tokens=run.foresight.tokens + 0.5)
    spoilt = dataclasses.replace(record, foresights=(dataclasses.replace(run, foresight=other),))
    assert replay_action(spoilt, tiny).beyond == 10
    assert not replay_action(spoilt, tiny).same
    assert not replay_foresight(spoilt, tiny).same


def test_what_is_not_recorded_is_counted(inferred: Path, tiny: LoadedBundle) -> None:
    record = dataclasses.replace(read_flight(inferred), foresights=(), frames=())
    assert replay_action(record, tiny).not_compared[0] == ("its foresight is not recorded", 10)
    assert replay_foresight(record, tiny).runs == 0


def test_the_command_says_same_with_status_0(inferred: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(inferred), "--bundle", str(TINY_BUNDLE)]) == 0
    printed = capsys.readouterr().out
    assert "39 compared, 39 bit-identical, 0 cycles differ" in printed
    assert "action graph: 11 runs, 10 compared, 10 bit-identical" in printed
    assert printed.endswith("same\n")
