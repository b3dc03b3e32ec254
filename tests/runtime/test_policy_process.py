"""The policy process as a whole: it follows what it is told, survives its neighbours, and stops when it must."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.policy_rig import PATIENCE_S, CommandPeer, PlainCamera, SpoiltEngine, standing_arm, wait_until
from interfaces.errors import BundleError, ConfigError, DeviceError, RefusedError
from interfaces.messages import CommandState, Foresight
from interfaces.request_socket import RequestClient
from interfaces.robot_config import RobotConfig
from runtime.command.stage import CommandStage
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy_process import PolicyProcess, run

StartPolicy = Callable[..., PolicyProcess]
ROOT = Path(__file__).parents[2]


def test_it_follows_what_it_is_told_and_nothing_before(
    peer: CommandPeer, run_folder: Path, robot: RobotConfig, start_policy: StartPolicy
) -> None:
    start_policy()
    with RequestClient(run_folder / robot.runtime.control_socket) as control:

        def ask(**request: Any) -> dict[str, Any]:
            return control.request(request)

        wait_until(lambda: ask(status=True)["connected"] and ask(status=True)["camera"]["count"] > 3, "the start")
        assert peer.chunks == []
        assert ask(follow="push")["instruction"] == "push"
        peer.wait_for_chunks(5)
        assert "'dance'; the policy knows reach, push, press, lift, rest" in ask(follow="dance")["error"]
        assert ask(status=True)["instruction"] == "push"
        assert ask(follow=None)["instruction"] is None
        time.sleep(0.3)
        count = len(peer.chunks)
        time.sleep(0.3)
        assert len(peer.chunks) == count
        ask(follow="rest")
        peer.wait_for_chunks(5)
        chunk = peer.chunks[-1]
        assert chunk.t_capture_ns == 0
        np.testing.assert_allclose(chunk.position_rad[0], 0, atol=0.1)  # from where the arm is
        sequences = [chunk.sequence for chunk in peer.chunks]
        assert sequences == sorted(set(sequences))


def test_a_thread_that_fails_ends_the_process(
    peer: CommandPeer, start_policy: StartPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Foresight:
        raise BundleError("the engine broke")

    monkeypatch.setattr(ForesightStage, "foresee", fail)
    process = start_policy()
    process.follow("push")
    assert process.stop.wait(PATIENCE_S)
    assert process.failure == "foresight: the engine broke"
    assert process.status()["faults"]["foresight"] == "the engine broke"
    assert peer.chunks == []
    wait_until(lambda: peer.n_gone == 1, "the news that the policy is gone")


@pytest.fixture
def engine(tiny_bundle: LoadedBundle) -> SpoiltEngine:
    """The action engine of the tiny bundle, to be spoilt."""
    return SpoiltEngine(tiny_bundle.action)


@pytest.fixture
def spoilt_bundle(tiny_bundle: LoadedBundle, engine: SpoiltEngine) -> LoadedBundle:
    """The tiny bundle, with that engine."""
    return replace(tiny_bundle, action=engine)


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (DeviceError("action.onnx: ONNX Runtime: out of memory"), "action: action.onnx: ONNX Runtime: out of memory"),
        (ZeroDivisionError("oh"), "action: a fault of the program: ZeroDivisionError('oh')"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_that_fails_ends_the_process_and_says_so(
    peer: CommandPeer,
    start_policy: StartPolicy,
    engine: SpoiltEngine,
    spoilt_bundle: LoadedBundle,
    failure: Exception,
    why: str,
) -> None:
    process = start_policy(bundle=spoilt_bundle)
    process.follow("push")
    peer.wait_for_chunks(3)
    engine.failure = failure
    assert process.stop.wait(PATIENCE_S)
    wait_until(lambda: peer.n_gone == 1, "the news that the policy is gone")  # and so the arm holds
    assert process.failure == why


@pytest.mark.parametrize("worst", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_sent_and_the_policy_goes_on_when_it_is_over(
    peer: CommandPeer, start_policy: StartPolicy, engine: SpoiltEngine, spoilt_bundle: LoadedBundle, worst: float
) -> None:
    process = start_policy(bundle=spoilt_bundle)
    process.follow("push")
    peer.wait_for_chunks(3)
    engine.worst = worst
    wait_until(lambda: process.status()["refusals"].get("not finite", 0) > 10, "refusals")
    assert all(np.isfinite(chunk.position_rad).all() for chunk in peer.chunks)
    assert process.failure is None
    engine.worst = None
    peer.wait_for_chunks(3)


def test_slow_inference_is_seen_in_the_status_and_too_slow_chunks_are_not_followed(
    peer: CommandPeer, start_policy: StartPolicy, engine: SpoiltEngine, spoilt_bundle: LoadedBundle, robot: RobotConfig
) -> None:
    process = start_policy(bundle=spoilt_bundle)
    process.follow("push")
    peer.wait_for_chunks(3)
    engine.delay_s = delay_s = robot.policy.chunk_age_max_ms * 1e-3 + 0.02
    wait_until(lambda: process.status()["action"]["p99_ms"] > delay_s * 1e3, "the status to show it")
    wait_until(lambda: process.status()["action"]["rate_hz"] <= 1 / delay_s + 1, "the rate to show it")
    assert process.status()["foresight"]["rate_hz"] > 0
    peer.wait_for_chunks(3)
    for came_after_s, follows in ((delay_s, False), (0.02, True)):
        stage, chunk = CommandStage(robot), peer.chunks[-1]
        t_came_ns = chunk.t_state_ns + round(came_after_s * 1e9)
        joints = standing_arm(peer.n_joints, t_came_ns)
        stage.begin(joints, t_came_ns)
        stage.adopt(chunk, t_came_ns)
        assert (stage.command(joints, t_came_ns).state is CommandState.FOLLOWING) == follows
    engine.delay_s = 0.0
    wait_until(lambda: process.status()["action"]["rate_hz"] > 2 / delay_s, "the rate to recover")


def test_another_bundle_than_that_of_the_robot_file_may_be_named(robot_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path / "elsewhere")):
        run(robot_file, PlainCamera, bundle_path=tmp_path / "elsewhere")


def test_an_unknown_instruction_is_refused_before_anything_starts(
    robot_file: Path, run_folder: Path, camera: PlainCamera
) -> None:
    with pytest.raises(RefusedError, match="'dance'"):
        run(write_robot(run_folder, robot_file), lambda _: camera, follow="dance")
    assert not (run_folder / "control.sock").exists()
    assert camera.opened == 0


def write_robot(folder: Path, robot_file: Path) -> Path:
    """Write a robot file whose bundle is the tiny one."""
    text = robot_file.read_text().replace("bundles/so101-small", str(ROOT / "tests/data/tiny_bundle"))
    (folder / "robot.toml").write_text(text)
    return folder / "robot.toml"


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bench.policy_rig import PlainCamera
from runtime.policy_process import run
from runtime.unblocking_log import log_to
log_to(2, "policy")
sys.exit(run(Path(sys.argv[2]), PlainCamera, follow="push"))
"""


def test_killed_and_started_again_it_goes_on_and_told_to_stop_it_stops(
    peer: CommandPeer, robot_file: Path, run_folder: Path
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(ROOT), str(write_robot(run_folder, robot_file))]
    killed = subprocess.Popen(command)
    try:
        peer.wait_for_chunks(5)
    finally:
        killed.kill()
        killed.wait()
    wait_until(lambda: peer.n_gone == 1, "the news that the policy died")
    again = subprocess.Popen(command)
    try:
        peer.wait_for_chunks(5)
        again.send_signal(signal.SIGTERM)
        assert again.wait(PATIENCE_S) == 0
    finally:
        again.kill()
        again.wait()
    wait_until(lambda: peer.n_gone == 2, "the news that the policy stopped")
    assert not (run_folder / "control.sock").exists()


def test_a_full_pipe_that_nobody_reads_stops_neither_chunks_nor_the_end(
    peer: CommandPeer, robot_file: Path, run_folder: Path
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"." * 4096)
    os.set_blocking(writing, True)
    command = [sys.executable, "-c", PROGRAM, str(ROOT), str(write_robot(run_folder, robot_file))]
    process = subprocess.Popen(command, stderr=writing)
    try:
        peer.wait_for_chunks(5)
        peer.speaking = False  # which would be said
        time.sleep(0.5)
        peer.speaking = True
        peer.wait_for_chunks(5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)
