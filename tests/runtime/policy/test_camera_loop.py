"""A camera that is silent or lost is a fault that is reported, and over when the camera is back."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from bench.policy_rig import CommandPeer, PlainCamera, wait_until
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceLostError
from interfaces.messages import Frame
from interfaces.robot_config import RobotConfig
from runtime.policy import camera_loop
from runtime.policy.bundle import LoadedBundle
from runtime.policy_process import PolicyProcess

StartPolicy = Callable[..., PolicyProcess]


def test_a_silent_camera_ends_the_chunks_and_they_begin_again(
    robot: RobotConfig, peer: CommandPeer, camera: PlainCamera, start_policy: StartPolicy
) -> None:
    process = start_policy()
    process.follow("push")
    peer.wait_for_chunks(10)
    camera.silent = True
    wait_until(lambda: "camera front" in process.status()["faults"], "the fault")
    assert process.status()["faults"]["camera front"] == "no frame for more than 500 ms"
    assert all(chunk.foresight_age_ns <= robot.policy.foresight_age_max_ms * 1e6 for chunk in peer.chunks)
    count = len(peer.chunks)
    time.sleep(0.5)
    assert len(peer.chunks) == count
    camera.silent = False
    peer.wait_for_chunks(10)
    wait_until(lambda: process.status()["faults"] == {}, "the fault to be over")


def test_a_lost_camera_is_reported_and_opened_again(
    peer: CommandPeer, camera: PlainCamera, start_policy: StartPolicy
) -> None:
    process = start_policy()
    process.follow("push")
    peer.wait_for_chunks(10)
    camera.lost = True
    wait_until(lambda: "no device connected" in str(process.status()["faults"]), "the fault")
    assert process.failure is None
    camera.lost = False
    wait_until(lambda: camera.opened == 2, "the camera to be opened again")
    peer.wait_for_chunks(10)


def test_a_frozen_camera_ends_the_chunks_and_they_begin_again(
    robot: RobotConfig, peer: CommandPeer, camera: PlainCamera, start_policy: StartPolicy
) -> None:
    process = start_policy()
    process.follow("push")
    peer.wait_for_chunks(10)
    camera.frozen = True
    text = f"the very same picture for more than {robot.cameras[0].frozen_ms:.0f} ms"
    wait_until(lambda: process.status()["faults"] == {"camera front": text}, "the fault")
    frames, read = process.status()["camera"]["count"], camera.frames
    wait_until(lambda: process.status()["refusals"].get("foresight too old", 0) > 0, "the foresight to grow too old")
    count = len(peer.chunks)
    time.sleep(0.3)
    assert len(peer.chunks) == count
    assert camera.frames > read
    assert process.status()["camera"]["count"] == frames
    camera.frozen = False
    peer.wait_for_chunks(10)
    wait_until(lambda: process.status()["faults"] == {}, "the fault to be over")


def test_a_camera_frozen_for_long_is_opened_again(
    peer: CommandPeer, camera: PlainCamera, start_policy: StartPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_loop, "_REOPEN_NS", 1_500_000_000)
    process = start_policy()
    process.follow("push")
    peer.wait_for_chunks(5)
    camera.frozen = True
    wait_until(lambda: camera.opened == 2, "the camera to be opened again")
    camera.frozen = False
    peer.wait_for_chunks(5)


class OpeningCamera(PlainCamera):
    """A camera that sends nothing: it opens for as long as it is not interrupted."""

    def __init__(self, config: CameraConfig) -> None:
        super().__init__(config)
        self.opening, self.interrupted = threading.Event(), threading.Event()

    def open(self) -> None:  # pyright: ignore[reportImplicitOverride] - typing has it from 3.12 on
        """Wait to be told."""
        self.opening.set()
        self.interrupted.wait()
        raise DeviceLostError(f"camera {self.name}: told to end while it was opened")

    def interrupt(self) -> None:  # pyright: ignore[reportImplicitOverride]
        """Let go."""
        self.interrupted.set()


@pytest.mark.usefixtures("peer")
def test_a_policy_ends_while_its_camera_is_still_being_opened(robot: RobotConfig, tiny_bundle: LoadedBundle) -> None:
    camera = OpeningCamera(robot.cameras[0])
    process = PolicyProcess(robot, tiny_bundle, [camera])
    process.start()
    camera.opening.wait()
    process.close()
    assert camera.interrupted.is_set()
    assert "camera front" not in {thread.name for thread in threading.enumerate()}


def test_what_a_camera_stamps_too_late_is_taken_off_and_no_frame_is_from_after_its_arrival() -> None:
    rgb = np.zeros((2, 2, 3), np.uint8)
    frame = Frame(camera="front", number=1, t_capture_ns=900, t_arrival_ns=1000, rgb=rgb, depth_mm=None)
    assert camera_loop.truly_stamped(frame, 0) is frame
    assert camera_loop.truly_stamped(frame, 300).t_capture_ns == 600
    assert camera_loop.truly_stamped(frame, -300).t_capture_ns == 1000


def test_frames_reach_the_policy_with_their_stamps_put_right(peer: CommandPeer, start_policy: StartPolicy) -> None:
    process = start_policy(stamp_offset_ms=150.0)
    process.follow("push")
    peer.wait_for_chunks(5)
    assert min(chunk.foresight_age_ns for chunk in peer.chunks) >= 150e6
