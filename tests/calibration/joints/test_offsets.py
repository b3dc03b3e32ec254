"""Homing offsets in servos that fail at the worst moment."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import RenderableType
from typing_extensions import override

from calibration.joints.offsets import OffsetsWritten
from calibration.session.clock import MonotonicClock
from calibration.session.yes_operator import YesOperator
from drivers.homing import Ticks
from interfaces.device_facts import MotorIdentity
from interfaces.errors import DeviceError, DeviceLostError

OLD, NEW = np.array([5, -7]), np.array([100, 200])


class FakeServos:
    """Two servos that keep what is written into them."""

    ticks_per_turn = 4096
    offset_max_ticks = 2047
    seam_moves = True

    def __init__(self) -> None:
        self.kept = OLD.copy()
        self.is_open = False
        self.driving: tuple[bool, bool] = (True, True)
        self.failures: dict[int, BaseException] = {}  # by the number of the write
        self.n_writes = 0

    def open(self) -> None:
        assert not self.is_open
        self.is_open = True

    def identity(self) -> tuple[MotorIdentity, ...]:
        return tuple(
            MotorIdentity(joint=str(i), motor_id=i, model="", homing_offset=int(k)) for i, k in enumerate(self.kept)
        )

    def torque(self) -> tuple[bool, ...]:
        return self.driving

    def release(self) -> None:
        self.driving = (False, False)

    def encoder_ticks(self) -> Ticks:
        return np.zeros(2, np.int64)

    def homes_with(self, offsets: Ticks) -> Ticks:
        return offsets

    def write_offsets(self, offsets: Ticks) -> None:
        assert not any(self.driving)
        self.n_writes += 1
        self.kept[0] = offsets[0]
        failure = self.failures.get(self.n_writes)
        if failure is not None:
            raise failure
        self.kept[1] = offsets[1]

    def close(self) -> None:
        self.is_open = False


class Listener(YesOperator):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__(MonotonicClock(), "listener")
        self.heard: list[str] = []

    @override
    def say(self, text: RenderableType) -> None:
        self.heard.append(str(text))


def test_offsets_that_proved_good_stay_and_others_go() -> None:
    servos = FakeServos()
    with OffsetsWritten(servos, NEW, Listener()):
        assert servos.kept.tolist() == NEW.tolist()
        assert not servos.is_open  # the proof opens the bus by itself
    assert servos.kept.tolist() == OLD.tolist()
    with OffsetsWritten(servos, NEW, Listener()) as written:
        written.keep_where(lambda: True)
    assert servos.kept.tolist() == NEW.tolist()
    assert not servos.is_open


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), DeviceError("servo 2 does not take it")])
def test_a_write_that_is_cut_off_in_the_middle_is_undone(failure: BaseException) -> None:
    servos = FakeServos()
    servos.failures[1] = failure
    with pytest.raises(type(failure)), OffsetsWritten(servos, NEW, Listener()):
        pytest.fail("it must not begin")
    assert servos.kept.tolist() == OLD.tolist()
    assert not servos.is_open


def test_ctrl_c_in_the_proof_with_a_motor_that_drives_puts_them_back() -> None:
    servos = FakeServos()
    written = OffsetsWritten(servos, NEW, Listener())
    with pytest.raises(KeyboardInterrupt), written:
        _proof_given_up(servos)
    assert servos.kept.tolist() == OLD.tolist()


def _proof_given_up(servos: FakeServos) -> None:
    servos.driving = (True, False)
    raise KeyboardInterrupt


def test_ctrl_c_between_the_record_and_the_end_leaves_what_the_record_names() -> None:
    servos, saved = FakeServos(), list[bool]()

    def cut_off(written: OffsetsWritten) -> None:
        with written:
            written.keep_where(lambda: bool(saved))
            saved.append(True)  # the record is there
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off(OffsetsWritten(servos, NEW, Listener()))
    assert servos.kept.tolist() == NEW.tolist()


def test_ctrl_c_again_and_again_does_not_keep_the_old_ones_out() -> None:
    servos = FakeServos()
    for n in (2, 3, 4):
        servos.failures[n] = KeyboardInterrupt()
    with pytest.raises(DeviceError, match="touched"), OffsetsWritten(servos, NEW, Listener()):
        raise DeviceError("touched")
    assert servos.kept.tolist() == OLD.tolist()


def test_where_they_cannot_be_put_back_the_operator_is_told_and_the_first_error_stands() -> None:
    servos, operator = FakeServos(), Listener()
    servos.failures[2] = DeviceLostError("port is gone")
    with pytest.raises(DeviceError, match="touched"), OffsetsWritten(servos, NEW, operator):
        raise DeviceError("touched")
    assert any("could not be written back" in text and "port is gone" in text for text in operator.heard)


def test_what_is_in_the_servos_already_is_not_written() -> None:
    servos = FakeServos()
    with OffsetsWritten(servos, OLD, Listener()):
        pass
    assert servos.n_writes == 0
    assert servos.driving == (True, True)
