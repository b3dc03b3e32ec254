"""Between camera, joints and folder, on a clock of our own: new poses are kept once, with the joints of the picture's instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.capture.balance import Balance
from calibration.capture.collector import Collector
from calibration.capture.folder import CaptureFolder
from drivers.camera import CameraHealth
from interfaces.capture_file import CaptureCamera, CaptureFacts
from interfaces.device_facts import CameraFacts
from interfaces.messages import Frame, JointState
from interfaces.robot_config import load_robot

ROBOT = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml")
ARM = ROBOT.arm
MS = 1_000_000
SIZE_PX = (8, 6)
LATENCY_NS = 35 * MS
FRAME_NS = 33 * MS


class Clock:
    t_ns = 10**9

    def now_ns(self) -> int:
        return self.t_ns

    def wait_until(self, t_ns: int) -> None:
        self.t_ns = max(self.t_ns, t_ns)


class Camera:
    """Takes a picture every 33 ms, whose first pixel is its number, and hands it over 35 ms later."""

    def __init__(self, name: str, clock: Clock, shift_ns: int = 0) -> None:
        self.name = name
        self._clock = clock
        self._shift_ns = shift_ns
        self._last = -1
        self.n_reads = 0

    def open(self) -> None: ...

    def read(self, timeout_s: float) -> Frame | None:
        assert timeout_s == 0.0  # nothing is waited for while the arm moves
        self.n_reads += 1
        number = (self._clock.t_ns - LATENCY_NS - self._shift_ns) // FRAME_NS
        if number <= self._last:
            return None
        self._last = number
        rgb = np.full((SIZE_PX[1], SIZE_PX[0], 3), number % 256, np.uint8)
        t_ns = number * FRAME_NS + self._shift_ns
        return Frame(
            camera=self.name, number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns + LATENCY_NS, rgb=rgb, depth_mm=None
        )

    def facts(self) -> CameraFacts:
        return CameraFacts(model="", serial="", intrinsics=None)

    def interrupt(self) -> None: ...

    def health(self) -> CameraHealth:
        return CameraHealth(clock="global", frames=0, lost=0, rejected=0)

    def close(self) -> None: ...


class Bench:
    def __init__(self, folder: Path, cameras: int = 1, n_wanted: int = 30, shift_ns: int = 0) -> None:
        self.clock = Clock()
        names = ["front", "wrist"][:cameras]
        self.cameras = [Camera(name, self.clock, k * shift_ns) for k, name in enumerate(names)]
        configs = [replace(ROBOT.cameras[0], name=name, rate_hz=30) for name in names]
        width, height = SIZE_PX
        facts = CaptureFacts(
            format=1,
            robot="simulated",
            joints=ARM.joint_names,
            pictures="png",
            wanted=n_wanted,
            operator="me",
            created="2026-11-21T15:04:05Z",
            tool_version="1",
            cameras=tuple(
                CaptureCamera(name=name, width_px=width, height_px=height, model="", serial="") for name in names
            ),
        )
        self.folder = CaptureFolder(folder, facts)
        self.balance = Balance(ARM, n_wanted)
        self.collector = Collector(self.cameras, configs, self.clock, self.balance, self.folder)

    def pan_rad(self, t_ns: int) -> float:
        """The first joint goes to and fro in 20 s."""
        return 1.8 * np.sin(2 * np.pi * (t_ns - 10**9) / 20e9)

    def periods(self, n_periods: int) -> Iterator[bool]:
        for _ in range(n_periods):
            self.clock.t_ns += 10 * MS
            position = np.zeros(6)
            position[0] = self.pan_rad(self.clock.t_ns)
            zeros = np.zeros(6)
            state = JointState(
                t_measured_ns=self.clock.t_ns,
                position_rad=position,
                velocity_rad_s=zeros,
                effort_ratio=zeros,
                voltage_v=zeros,
                temperature_degc=zeros,
            )
            yield self.collector.see(state)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "capture")


def test_what_is_kept_has_the_joints_of_its_pictures_instant(bench: Bench) -> None:
    bench.balance.distance = 0.05
    assert sum(bench.periods(600)) > 8
    bench.collector.write_all()
    capture = bench.folder.read()
    for i in range(len(capture)):
        t_ns = int(capture.t_capture_ns[i])
        assert capture.rgb(i, "front")[0, 0, 0] == t_ns // FRAME_NS % 256
        assert capture.position_rad[i, 0] == pytest.approx(bench.pan_rad(t_ns), abs=1e-3)


def test_what_is_repeated_is_kept_once(bench: Bench) -> None:
    bench.balance.distance = 0.05
    first = sum(bench.periods(1000))  # to one side, and back
    assert first >= 7
    assert sum(bench.periods(1000)) >= 7  # to the other
    assert sum(bench.periods(2000)) <= 2  # the same again


def test_pictures_are_looked_at_ten_times_a_second_and_not_more(bench: Bench) -> None:
    list(bench.periods(1000))
    assert 60 <= bench.cameras[0].n_reads <= 130  # in 10 s


def test_kept_samples_wait_until_there_is_time_to_write(bench: Bench) -> None:
    bench.balance.distance = 0.05
    n_kept = sum(bench.periods(400))
    assert n_kept >= 5
    assert bench.folder.n_samples == 0
    assert bench.collector.write_one()
    assert bench.folder.n_samples == 1
    bench.collector.write_all()
    assert bench.folder.n_samples == n_kept
    assert not bench.collector.write_one()


def test_nothing_is_kept_when_there_is_enough(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "capture", n_wanted=3)
    bench.balance.distance = 0.05
    assert sum(bench.periods(2000)) == 3


@pytest.mark.parametrize(("shift_ms", "is_paired"), [(0, True), (16, True), (33, True)])
def test_two_cameras_give_sets_of_one_instant(tmp_path: Path, shift_ms: int, *, is_paired: bool) -> None:
    bench = Bench(tmp_path / "capture", cameras=2, shift_ns=shift_ms * MS)
    bench.balance.distance = 0.05
    assert (sum(bench.periods(600)) > 5) == is_paired
    bench.collector.write_all()
    capture = bench.folder.read()
    for i in range(len(capture)):
        numbers = [int(capture.rgb(i, name)[0, 0, 0]) for name in ("front", "wrist")]
        assert min(abs(numbers[0] - numbers[1]), 256 - abs(numbers[0] - numbers[1])) <= 1
