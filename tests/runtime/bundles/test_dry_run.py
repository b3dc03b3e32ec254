"""A bundle is tried on what the running robot sees: asked of the policy process that owns the camera, and nothing is sent."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.bundle_rig import make_bundle
from bench.policy_rig import CommandPeer, SpoiltEngine, wait_until
from forerun.__main__ import main
from interfaces.engine import Tensors
from interfaces.errors import BundleError, RefusedError
from interfaces.robot_config import RobotConfig
from runtime.bundles.dry_run import LiveSample, dry_run
from runtime.bundles.live_samples import SNAPSHOT, live_samples, policy_answers
from runtime.policy.bundle import LoadedBundle
from runtime.policy_process import PolicyProcess


def samples(n: int = 4, position_rad: float = 0.1) -> Iterator[LiveSample]:
    for _ in range(n):
        yield LiveSample({"front": np.full((240, 424, 3), 51, np.uint8)}, np.full(6, position_rad))


def instants() -> Callable[[], int]:
    """A clock that goes on by a millisecond with every look."""
    ticks = iter(range(0, 10**12, 1_000_000))
    return lambda: next(ticks)


class Shifted:
    """An action engine whose rows are all off by so much."""

    def __init__(self, bundle: LoadedBundle, by_rad: float) -> None:
        self._engine, self._by_rad = bundle.action, by_rad
        self.spec = bundle.action.spec

    def run(self, inputs: Tensors) -> Tensors:
        outputs = self._engine.run(inputs)
        return {"positions": outputs["positions"] + np.float32(self._by_rad)}


def test_a_good_bundle_passes(tiny_bundle: LoadedBundle, robot: RobotConfig) -> None:
    result = dry_run(tiny_bundle, robot, samples(6), instants())
    assert (result.n_samples, result.foresight_ms, result.action_ms) == (6, 1.0, 1.0)
    assert result.instructions == ("reach", "push", "press", "lift")
    assert "6 live pictures, reach, push, press, lift: foresight 1.0 ms" in result.told()


def test_one_with_a_committed_prefix_passes(prefix_bundle: LoadedBundle, robot: RobotConfig) -> None:
    assert dry_run(prefix_bundle, robot, samples(), instants()).n_samples == 4


def test_what_is_no_number_is_refused(tiny_bundle: LoadedBundle, robot: RobotConfig) -> None:
    spoilt = SpoiltEngine(tiny_bundle.action)
    spoilt.worst = np.nan
    with pytest.raises(BundleError, match="dry run of tiny, reach, picture 1: not finite"):
        dry_run(replace(tiny_bundle, action=spoilt), robot, samples(), instants())


def test_a_chunk_that_begins_elsewhere_is_refused(tiny_bundle: LoadedBundle, robot: RobotConfig) -> None:
    shifted = replace(tiny_bundle, action=Shifted(tiny_bundle, 0.5))
    with pytest.raises(
        BundleError, match=r"the first row is 0\.\d+ rad from where \w+ is; the arm can turn 0\.250 rad"
    ):
        dry_run(shifted, robot, samples(), instants())


def test_a_position_beyond_the_limits_is_refused(tiny_bundle: LoadedBundle, robot: RobotConfig) -> None:
    with pytest.raises(BundleError, match=r"row \d+ sends gripper to -\d\.\d+ rad; its limits are -0\.170 \.\. 1\.740"):
        dry_run(replace(tiny_bundle, action=Shifted(tiny_bundle, -3.0)), robot, samples(), instants())


def test_one_that_is_too_slow_is_refused(tiny_bundle: LoadedBundle, robot: RobotConfig) -> None:
    ticks = iter(range(0, 10**13, 200_000_000))
    with pytest.raises(
        BundleError, match=r"foresight takes 200\.0 ms .*; policy\.foresight_rate_hz of 15 leaves it 66\.7"
    ):
        dry_run(tiny_bundle, robot, samples(), lambda: next(ticks))


def test_a_camera_that_is_not_there_is_named(tiny_bundle: LoadedBundle, robot: RobotConfig) -> None:
    sample = LiveSample({"wrist": np.zeros((240, 424, 3), np.uint8)}, np.zeros(6))
    with pytest.raises(BundleError, match="sees through camera front; the running policy only through wrist"):
        dry_run(tiny_bundle, robot, [sample], instants())
    with pytest.raises(BundleError, match="no picture"):
        dry_run(tiny_bundle, robot, [], instants())


@pytest.fixture
def running(peer: CommandPeer, start_policy: Callable[..., PolicyProcess]) -> Path:
    """A policy process with a camera and an arm; return the folder it works in."""
    assert peer
    process = start_policy()
    wait_until(lambda: process.status()["connected"] is True, "the link")
    return Path()


def test_the_running_policy_gives_what_it_sees(running: Path, robot: RobotConfig, tiny_bundle: LoadedBundle) -> None:
    control = running / robot.runtime.control_socket
    assert policy_answers(control) == ""
    taken = list(live_samples(control, running, 6, n_samples=3, seconds=20.0 / 100))
    assert len(taken) == 3
    assert taken[0].rgb["front"].shape == (240, 424, 3)
    assert not (running / SNAPSHOT).exists()
    dry_run(tiny_bundle, robot, taken, instants())


def test_a_policy_without_a_picture_is_said(running: Path, robot: RobotConfig) -> None:
    with pytest.raises(RefusedError, match="no snapshot of this robot: joints"):
        list(live_samples(running / robot.runtime.control_socket, running, 7, n_samples=1, seconds=1.0))


def test_nobody_who_answers_is_said(tmp_path: Path) -> None:
    assert "nobody answers there" in policy_answers(tmp_path / "control.sock")


def test_activation_tries_it_on_the_running_robot(
    running: Path, robot_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--shelf", str(tmp_path / "state"), "--robot", str(robot_file), "--trusted-keys", str(tmp_path / "keys")]
    assert main(["bundle", "install", str(make_bundle(tmp_path / "source", "1")), *options]) == 0
    begun_s = time.monotonic_ns() * 1e-9
    asked = [*options, "--folder", str(running), "--dry-run-seconds", "1"]
    assert main(["bundle", "activate", "tiny", *asked]) == 0
    assert time.monotonic_ns() * 1e-9 - begun_s > 0.9
    printed = capsys.readouterr().out
    assert "dry run: 20 live pictures, reach, push, press, lift" in printed
    assert "is in charge, on trial: 120 s of work within 3 starts" in printed
