"""A bundle that sees through two cameras: foresight is made from frames of one instant, and from no others, with the reason told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.policy_rig import CommandPeer, PlainCamera, wait_until
from interfaces.bundle_manifest import GraphSpec
from interfaces.camera_config import CameraConfig
from interfaces.engine import Engine, Tensors
from interfaces.errors import DeviceError
from interfaces.messages import Frame
from interfaces.robot_config import RobotConfig
from runtime.policy.board import PolicyBoard
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy.frame_gathering import FrameGathering
from runtime.policy_process import PolicyProcess, seeing_cameras

MS = 1_000_000
TOLERANCE_MS = 20.0


class BothSeen:
    """A foresight engine that wants two pictures, and gives what the tiny bundle's gives for their mean."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.seen = list[set[str]]()

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph."""
        return self._engine.spec

    def run(self, inputs: Tensors) -> Tensors:
        """Run on the mean of both."""
        pictures = {name: inputs[name] for name in ("front", "wrist")}
        self.seen.append(set(pictures))
        mean = np.mean(list(pictures.values()), axis=0).astype(np.uint8)
        return self._engine.run({"front": mean, "instruction": inputs["instruction"]})


class LateCamera(PlainCamera):
    """A camera that takes its pictures `early_ns` before another one does."""

    early_ns = 0

    def read(self, timeout_s: float) -> Frame | None:  # pyright: ignore[reportImplicitOverride] - typing has it from 3.12 on
        """Return the frame, as of another instant."""
        frame = super().read(timeout_s)
        return None if frame is None else replace(frame, t_capture_ns=frame.t_capture_ns - self.early_ns)


@pytest.fixture
def two_robot(robot: RobotConfig) -> RobotConfig:
    """The simulated robot with a second camera."""
    front = robot.cameras[0]
    policy = replace(robot.policy, pair_tolerance_ms=TOLERANCE_MS)
    return replace(robot, cameras=(replace(front, name="wrist"), front), policy=policy)


@pytest.fixture
def two_bundle(tiny_bundle: LoadedBundle) -> LoadedBundle:
    """The tiny bundle, seeing through both."""
    cameras = (*tiny_bundle.cameras, replace(tiny_bundle.cameras[0], name="wrist"))
    return replace(
        tiny_bundle,
        manifest=replace(tiny_bundle.manifest, cameras=cameras),
        foresight=BothSeen(tiny_bundle.foresight),
    )


@contextmanager
def running(robot: RobotConfig, bundle: LoadedBundle) -> Generator[tuple[PolicyProcess, tuple[LateCamera, LateCamera]]]:
    configs = seeing_cameras(robot, bundle)
    assert [config.name for config in configs] == ["front", "wrist"]  # in the bundle's order, not the robot's
    front, wrist = (LateCamera(config) for config in configs)
    process = PolicyProcess(robot, bundle, [front, wrist])
    try:
        process.start()
        yield process, (front, wrist)
    finally:
        process.close()


def test_a_pair_makes_foresight_stamped_with_the_older_frame(two_bundle: LoadedBundle) -> None:
    pictures = np.full((240, 424, 3), 51, np.uint8)
    front = Frame(camera="front", number=1, t_capture_ns=9, t_arrival_ns=20, rgb=pictures, depth_mm=None)
    wrist = replace(front, camera="wrist", t_capture_ns=7, rgb=pictures + np.uint8(102))
    foresight = ForesightStage(two_bundle).foresee((front, wrist), "push", 30)
    assert foresight.t_capture_ns == 7
    np.testing.assert_allclose(foresight.tokens[0, :3], 0.4, atol=1e-4)
    with pytest.raises(DeviceError, match="camera wrist gave no picture"):
        ForesightStage(two_bundle).foresee((front,), "push", 30)


def test_frames_of_one_instant_are_followed_and_others_are_not_with_the_reason(
    peer: CommandPeer, two_robot: RobotConfig, two_bundle: LoadedBundle
) -> None:
    with running(two_robot, two_bundle) as (process, (front, _)):
        process.follow("push")
        peer.wait_for_chunks(5)
        status = process.status()
        assert set(status["cameras"]) == {"front", "wrist"}
        assert all(camera["count"] > 0 for camera in status["cameras"].values())
        front.early_ns = 60 * 10**9  # farther off than whatever is held of the other camera
        wait_until(lambda: "cameras front and wrist" in process.status()["faults"], "the fault")
        text = process.status()["faults"]["cameras front and wrist"]
        assert "pair_tolerance_ms is 20: no foresight is made of them" in text
        wait_until(
            lambda: process.status()["refusals"].get("foresight too old", 0) > 0, "the foresight to grow too old"
        )
        count = process.status()["foresight"]["count"]
        front_count = process.status()["cameras"]["front"]["count"]
        wait_until(lambda: process.status()["cameras"]["front"]["count"] > front_count + 5, "more frames")
        assert process.status()["foresight"]["count"] <= count + 1  # one may have been under way
        front.early_ns = 0
        wait_until(lambda: process.status()["faults"] == {}, "the fault to be over")
        peer.wait_for_chunks(5)


def test_a_silent_camera_is_its_own_fault_and_ends_the_chunks(
    peer: CommandPeer, two_robot: RobotConfig, two_bundle: LoadedBundle
) -> None:
    with running(two_robot, two_bundle) as (process, (_, wrist)):
        process.follow("push")
        peer.wait_for_chunks(5)
        wrist.silent = True
        wait_until(lambda: "camera wrist" in process.status()["faults"], "the fault")
        wait_until(
            lambda: process.status()["refusals"].get("foresight too old", 0) > 0, "the foresight to grow too old"
        )
        wrist.silent = False
        wait_until(lambda: process.status()["faults"] == {}, "the fault to be over")
        peer.wait_for_chunks(5)


def gathering(tolerance_ms: float, config: CameraConfig) -> tuple[FrameGathering, PolicyBoard]:
    board = PolicyBoard()
    return FrameGathering([config, replace(config, name="wrist")], tolerance_ms, board), board


def test_the_reason_is_told_once_and_over_with_the_first_pair(
    robot: RobotConfig, caplog: pytest.LogCaptureFixture
) -> None:
    config, rgb = robot.cameras[0], np.zeros((1, 1, 3), np.uint8)
    gathered, board = gathering(5.0, config)

    def put(camera: str, t_ns: int, late_ns: int = 0) -> None:
        frame = Frame(camera=camera, number=0, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None)
        gathered.put(frame, t_ns + late_ns)

    for k in range(60):
        put("front", k * 33 * MS)
        put("wrist", k * 33 * MS + 15 * MS)
    assert board.frames.newest() is None
    said = "cameras front and wrist: frames are taken 15.0 ms apart, and policy.pair_tolerance_ms is 5"
    assert [message.startswith(said) for message in caplog.messages] == [True]
    put("front", 61 * 33 * MS)
    put("wrist", 61 * 33 * MS + 4 * MS)
    assert board.faults == {}
    assert board.frames.newest() is not None


def test_a_camera_that_never_gave_a_frame_is_not_the_gatherings_fault(
    robot: RobotConfig, caplog: pytest.LogCaptureFixture
) -> None:
    gathered, board = gathering(5.0, robot.cameras[0])
    rgb = np.zeros((1, 1, 3), np.uint8)
    for t_ns in range(0, 5_000 * MS, 33 * MS):
        gathered.put(
            Frame(camera="front", number=0, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None), t_ns
        )
    assert (board.faults, caplog.messages) == ({}, [])


def test_pictures_of_both_go_to_the_record(two_robot: RobotConfig, two_bundle: LoadedBundle, run_folder: Path) -> None:
    with running(two_robot, two_bundle) as (process, _):
        wait_until(lambda: all(camera["count"] for camera in process.status()["cameras"].values()), "frames")
        assert {file.name.split(".")[-2] for file in run_folder.glob("*.frames")} == {"front", "wrist"}
