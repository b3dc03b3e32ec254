"""An arm whose bus fails: once is nothing, a row is a lost bus, and a lost bus is tried again in peace."""

from __future__ import annotations

import numpy as np
import pytest

from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, ProtocolError, RefusedError
from interfaces.messages import JointState, JointVector
from runtime.command.guarded_arm import GuardedArm

MS = 1_000_000
POSE = np.zeros(2)
JOINTS = JointState(
    t_measured_ns=0, position_rad=POSE, velocity_rad_s=POSE, effort_ratio=POSE, voltage_v=POSE, temperature_degc=POSE
)


class ScriptedArm:
    """An arm whose calls fail as the script says: one entry a call, None for success; at the end all succeed."""

    def __init__(self, *script: ForerunError | None) -> None:
        self.script = list(script)
        self.calls: list[str] = []

    def open(self) -> JointState:
        return self._call("open")

    def identity(self) -> tuple[MotorIdentity, ...]:
        return ()

    def torque(self) -> tuple[bool, ...]:
        return ()

    def hold(self) -> JointState:
        return self._call("hold")

    def exchange(self, position_rad: JointVector) -> JointState:
        del position_rad
        return self._call("exchange")

    def read(self) -> JointState:
        return self._call("read")

    def release(self) -> None:
        self.calls.append("release")

    def close(self) -> None:
        self.calls.append("close")

    def _call(self, name: str) -> JointState:
        self.calls.append(name)
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        return JOINTS


def opened(*script: ForerunError | None) -> GuardedArm:
    arm = GuardedArm(ScriptedArm(None, None, *script), error_budget=3)
    assert arm.lost
    assert arm.reopen(0) is JOINTS
    assert not arm.lost
    return arm


@pytest.mark.parametrize("error", [BusTimeoutError("silent"), DeviceError("overload"), ProtocolError("checksum")])
def test_errors_in_a_row_beyond_the_budget_are_a_lost_bus(error: ForerunError) -> None:
    arm = opened(error, error, None, error, error, error)
    lost: list[bool] = []
    for _ in range(6):
        arm.exchange(POSE)
        lost.append(arm.lost)
    assert lost == [False, False, False, False, False, True]
    assert arm.fault == f"3 bus cycles failed in a row: {error}"


def test_a_port_that_is_gone_is_a_lost_bus_at_once() -> None:
    arm = opened(DeviceLostError("unplugged"))
    assert arm.exchange(POSE) is None
    assert arm.lost
    assert arm.fault == "unplugged"


def test_a_port_that_is_gone_is_let_go_at_once() -> None:
    # While it is held, Linux gives its name to nobody: an adapter plugged in again would be ttyUSB1.
    script = ScriptedArm(None, None, DeviceLostError("unplugged"), None, DeviceLostError("unplugged again"))
    arm = GuardedArm(script, error_budget=3)
    arm.reopen(0)
    arm.exchange(POSE)
    assert script.calls[-2:] == ["exchange", "close"]
    arm.reopen(10_000 * MS)
    assert script.calls[-3:] == ["open", "hold", "close"]


@pytest.mark.parametrize("error", [DeviceLostError("no port"), RefusedError("wrong model")])
def test_a_lost_bus_is_tried_again_every_half_second(error: ForerunError) -> None:
    inner = ScriptedArm(error, None, error)
    arm = GuardedArm(inner, error_budget=3)
    tried = [arm.reopen(t_ms * MS) is JOINTS for t_ms in range(0, 1010, 10)]
    failed = [["close", "open", "close"], ["close", "open", "hold", "close"]]
    assert inner.calls == [*failed[0], *failed[1], "close", "open", "hold"]
    assert tried.index(True) == 100
    assert not arm.lost


def test_a_bus_that_fails_whenever_it_is_open_is_opened_less_and_less_often() -> None:
    gone = DeviceLostError("overload")
    inner = ScriptedArm(*[None, None, gone] * 8)
    arm = GuardedArm(inner, error_budget=3)
    t_opened_s: list[float] = []
    for t_ms in range(0, 40_000, 10):
        if arm.lost and arm.reopen(t_ms * MS) is not None:
            t_opened_s.append(t_ms / 1000)
        elif not arm.lost:
            arm.exchange(POSE)
    assert t_opened_s == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0, 31.0, 39.0]


def test_a_bus_that_worked_for_a_while_is_opened_again_at_once() -> None:
    arm = opened(DeviceLostError("unplugged"))
    arm.exchange(POSE)
    assert arm.reopen(6_000 * MS) is JOINTS


def test_after_it_is_back_the_budget_is_whole_again() -> None:
    silent = BusTimeoutError("silent")
    arm = opened(silent, silent, silent, None, None, silent, silent)
    for _ in range(3):
        arm.exchange(POSE)
    assert arm.lost
    arm.reopen(10_000 * MS)
    for _ in range(2):
        arm.exchange(POSE)
    assert not arm.lost
