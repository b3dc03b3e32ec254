"""The emulated motor: its states, registers and time-out, frame by frame."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.can.port import CanFrame
from drivers.damiao import protocol
from drivers.damiao.protocol import RANGES, Feedback, MitCommand, MotorState, Register
from sim.damiao.emulator import EmulatedDamiao
from sim.motors.springs import RigidMitMotors

MS = 1_000_000
SPAN = RANGES["DM4340"]
ANGLE_RAD = 25 / 65535


class Bench:
    """One motor, id 3, that answers with 0x13."""

    def __init__(self) -> None:
        self.shaft = RigidMitMotors(1)
        self.motor = EmulatedDamiao("DM4340", 3, 0x13, 0, self.shaft)
        self.t_ns = 0

    def ask(self, frame: CanFrame) -> CanFrame:
        """What it answers, which must be one frame with its id."""
        (answer,) = self.motor.hear(frame, self.t_ns)
        assert answer.can_id == 0x13
        return answer

    def order(self, code: bytes) -> Feedback:
        return protocol.parse_feedback(self.ask(protocol.order(3, code)).data, SPAN)

    def state(self) -> Feedback:
        return protocol.parse_feedback(self.ask(protocol.refresh(3)).data, SPAN)

    def command(self, angle_rad: float) -> Feedback:
        frame = protocol.mit_command(3, MitCommand(angle_rad, 0.0, 10.0, 1.0, 0.0), SPAN)
        return protocol.parse_feedback(self.ask(frame).data, SPAN)

    def read(self, register: int) -> float:
        return protocol.parse_register_answer(self.ask(protocol.read_register(3, register)).data).value

    def write(self, register: int, value: float) -> float:
        return protocol.parse_register_answer(self.ask(protocol.write_register(3, register, value)).data).value


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_motor_that_is_not_enabled_answers_and_does_not_move(bench: Bench) -> None:
    told = bench.command(1.0)
    assert (told.state, told.id_nibble) == (MotorState.DISABLED, 3)
    assert bench.shaft.positions_rad == [0.0]
    assert bench.shaft.driven == [False]


def test_enabled_it_follows_and_disabled_it_lets_go(bench: Bench) -> None:
    assert bench.order(protocol.ENABLE).state == MotorState.ENABLED
    assert bench.shaft.commands == [None]  # enabling alone pushes nowhere
    assert bench.command(1.0).position_rad == pytest.approx(1.0, abs=ANGLE_RAD)
    assert bench.order(protocol.DISABLE).state == MotorState.DISABLED
    assert bench.shaft.driven == [False]


def test_without_stiffness_nothing_moves(bench: Bench) -> None:
    bench.order(protocol.ENABLE)
    bench.ask(protocol.mit_command(3, MitCommand(1.0, 0.0, 0.0, 1.0, 0.5), SPAN))
    assert bench.shaft.positions_rad == [0.0]


def test_frames_of_others_are_not_answered(bench: Bench) -> None:
    frames = [
        protocol.order(4, protocol.ENABLE),
        protocol.read_register(4, Register.TIMEOUT),
        CanFrame(3, b"\xff" * 7),
        CanFrame(3, protocol.ENABLE, extended=True),
        CanFrame(3, protocol.ENABLE[:0], remote=True),
        protocol.read_register(3, 40),  # no such register
        CanFrame(0x7FF, bytes.fromhex("03 00 44 09 00 00 00 00")),
    ]
    assert [bench.motor.hear(frame, 0) for frame in frames] == [[]] * len(frames)


def test_in_another_mode_commands_are_not_answered(bench: Bench) -> None:
    bench.write(Register.CONTROL_MODE, 2)
    bench.order(protocol.ENABLE)
    frame = protocol.mit_command(3, MitCommand(1.0, 0.0, 10.0, 1.0, 0.0), SPAN)
    assert bench.motor.hear(frame, 0) == []


def test_the_time_out_lets_go_and_needs_clearing(bench: Bench) -> None:
    bench.write(Register.TIMEOUT, 200)  # 10 ms
    bench.order(protocol.ENABLE)
    bench.command(1.0)
    for _ in range(5):
        bench.t_ns += 9 * MS
        assert bench.command(1.0).state == MotorState.ENABLED
    bench.t_ns += 9 * MS
    bench.state()  # a question is no command
    bench.t_ns += 2 * MS
    assert bench.state().state == MotorState.LOST_COMMUNICATION
    assert bench.shaft.driven == [False]
    assert bench.order(protocol.ENABLE).state == MotorState.LOST_COMMUNICATION
    assert bench.order(protocol.CLEAR).state == MotorState.DISABLED
    assert bench.order(protocol.ENABLE).state == MotorState.ENABLED


def test_without_a_time_out_it_holds_for_ever(bench: Bench) -> None:
    bench.order(protocol.ENABLE)
    bench.t_ns += 3600 * 1000 * MS
    assert bench.state().state == MotorState.ENABLED


def heat_the_bridge(motor: EmulatedDamiao) -> None:
    motor.bridge_degc = 101.0


def heat_the_rotor(motor: EmulatedDamiao) -> None:
    motor.rotor_degc = 101.0


def raise_the_supply(motor: EmulatedDamiao) -> None:
    motor.supply_v = 33.0


def lower_the_supply(motor: EmulatedDamiao) -> None:
    motor.supply_v = 14.0


@pytest.mark.parametrize(
    ("happens", "state"),
    [
        (heat_the_bridge, MotorState.BRIDGE_OVERHEAT),
        (heat_the_rotor, MotorState.ROTOR_OVERHEAT),
        (raise_the_supply, MotorState.OVER_VOLTAGE),
        (lower_the_supply, MotorState.UNDER_VOLTAGE),
    ],
)
def test_trouble_lets_go_and_cannot_be_cleared_while_it_lasts(
    bench: Bench, happens: Callable[[EmulatedDamiao], None], state: MotorState
) -> None:
    bench.order(protocol.ENABLE)
    bench.command(1.0)
    happens(bench.motor)
    assert bench.command(2.0).state == state
    assert bench.shaft.driven == [False]
    assert bench.shaft.positions_rad[0] == pytest.approx(1.0, abs=ANGLE_RAD)
    assert bench.order(protocol.CLEAR).state == state
    bench.motor.bridge_degc = bench.motor.rotor_degc = 40.0
    bench.motor.supply_v = 24.0
    assert bench.order(protocol.ENABLE).state == state  # until it is cleared
    assert bench.order(protocol.CLEAR).state == MotorState.DISABLED


def test_working_memory_is_forgotten_and_what_is_saved_is_not(bench: Bench) -> None:
    assert bench.write(Register.TIMEOUT, 100) == 100
    bench.motor.power_on()
    assert bench.read(Register.TIMEOUT) == 0
    bench.write(Register.TIMEOUT, 100)
    bench.order(protocol.ENABLE)
    bench.ask(protocol.save_registers(3))  # not while it drives
    bench.motor.power_on()
    assert bench.read(Register.TIMEOUT) == 0
    bench.write(Register.TIMEOUT, 100)
    bench.ask(protocol.save_registers(3))
    bench.motor.power_on()
    assert bench.read(Register.TIMEOUT) == 100


def test_read_only_registers_and_impossible_ranges_stay(bench: Bench) -> None:
    assert bench.write(Register.SOFTWARE_VERSION, 1) == 5016
    assert bench.write(Register.POSITION_MAX, -1.0) == 12.5
    assert bench.write(Register.POSITION_MAX, math.nan) == 12.5
    assert bench.write(Register.POSITION_MAX, 6.25) == 6.25


def test_after_a_loss_of_power_it_drives_nothing_and_has_forgotten_whole_turns(bench: Bench) -> None:
    bench.order(protocol.ENABLE)
    bench.command(7.0)
    bench.motor.power_on()
    told = bench.state()
    assert told.state == MotorState.DISABLED
    assert told.position_rad == pytest.approx(7.0 - 2 * math.pi, abs=ANGLE_RAD)
    bench.order(protocol.ENABLE)
    bench.command(1.0)
    assert bench.shaft.positions_rad[0] == pytest.approx(1.0 + 2 * math.pi, abs=ANGLE_RAD)


def test_zero_is_where_it_stands_also_after_a_loss_of_power(bench: Bench) -> None:
    bench.shaft.positions_rad[0] = 2.0
    assert bench.order(protocol.ZERO).position_rad == pytest.approx(0.0, abs=ANGLE_RAD)
    bench.motor.power_on()
    bench.order(protocol.ENABLE)
    assert bench.command(0.5).position_rad == pytest.approx(0.5, abs=ANGLE_RAD)
    assert bench.shaft.positions_rad[0] == pytest.approx(2.5, abs=ANGLE_RAD)


def test_another_id_counts_at_once(bench: Bench) -> None:
    bench.write(Register.MOTOR_ID, 9)
    assert bench.motor.hear(protocol.refresh(3), 0) == []
    assert len(bench.motor.hear(protocol.refresh(9), 0)) == 1


FRAMES = st.builds(
    CanFrame, st.sampled_from([3, 0x7FF, 4]), st.binary(max_size=8), st.booleans(), st.booleans()
) | st.binary(min_size=5, max_size=5).map(lambda rest: CanFrame(0x7FF, b"\x03\x00" + rest + b"\x00"))


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.lists(FRAMES, max_size=30))
def test_any_frames_are_survived(frames: list[CanFrame]) -> None:
    bench = Bench()
    for frame in frames:
        bench.t_ns += MS
        for answer in bench.motor.hear(frame, bench.t_ns):
            assert len(answer.data) == 8
