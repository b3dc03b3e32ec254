"""Late answers: in lockstep, the motors somewhere else in every cycle, so that an old answer shows as an old position."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.feetech import registers
from drivers.feetech.answers import LATEST_NS, OpenQuestions
from drivers.feetech.arm import FeetechArm
from drivers.feetech.bus import FeetechBus
from drivers.feetech.registers import FEEDBACK_LENGTHS, RAD_PER_TICK
from interfaces.errors import BusTimeoutError
from interfaces.messages import JointState
from interfaces.robot_config import load_robot
from sim.feetech.arm import feetech_arm
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators
from sim.feetech.emulator import EmulatedServo
from sim.serial.lockstep import LockstepSerial

CONFIG = feetech_arm(load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").arm)
MS = 1_000_000
FORGOTTEN_MS = (
    500  # within which an arm whose answers are prompt again works again, where they were at most 200 ms late
)


class Bench:
    """An arm on six servos, sent somewhere else in every cycle."""

    t_now_ns = 10**9

    def __init__(self, rate_hz: float = 100.0) -> None:
        self.bus = ServoBus([EmulatedServo(1 + i, i, RigidActuators(6)) for i in range(6)])
        self.port = LockstepSerial(self.bus, lambda: self.t_now_ns)
        self.config = replace(CONFIG, rate_hz=rate_hz)
        self.arm = FeetechArm(self.config, self.port.open_port)
        self.n_cycles = 0
        self.arm.open()
        self.arm.hold()

    def cycle(self) -> JointState | None:
        """One exchange; None where the driver said that it failed. Whatever else it says must be the newest."""
        self.t_now_ns = max(self.t_now_ns + self.config.period_ns, self.port.now_ns())
        self.n_cycles += 1
        goal_rad = np.full(6, 2 * RAD_PER_TICK * (self.n_cycles % 512))
        try:
            state = self.arm.exchange(goal_rad)
        except BusTimeoutError:
            return None
        assert state.position_rad == pytest.approx(goal_rad, abs=RAD_PER_TICK / 2), f"cycle {self.n_cycles}"
        assert self.t_now_ns - MS <= state.t_measured_ns <= self.port.now_ns()
        return state

    def cycles(self, n_cycles: int, delay_ms: float = 0) -> int:
        """Run cycles with late answers; returns how many succeeded."""
        self.bus.faults.delay_ns = round(delay_ms * MS)
        return sum(self.cycle() is not None for _ in range(n_cycles))

    def works_again(self, within_ms: int = FORGOTTEN_MS) -> bool:
        """Whether, answers being prompt again, every cycle succeeds after a while."""
        self.cycles(round(within_ms * MS / self.config.period_ns))
        return self.cycles(20) == 20


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0])
@pytest.mark.parametrize("delay_ms", [1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 15, 20, 25, 30, 50, 80, 100, 150, 200, 700])
def test_a_constant_delay_gives_fresh_joints_or_none(delay_ms: int, rate_hz: float) -> None:
    bench = Bench(rate_hz)
    n_good = bench.cycles(150, delay_ms)
    if delay_ms * rate_hz >= 1000:
        assert n_good == 0
    if delay_ms * MS < 0.2 * bench.config.period_ns:
        assert n_good == 150
    assert bench.works_again(FORGOTTEN_MS + delay_ms)


def test_every_delay_to_200_ms_one_after_the_other() -> None:
    bench = Bench()
    for delay_ms in range(1, 201):
        bench.cycles(5, delay_ms)
    assert bench.works_again()


delays_ms = st.one_of(st.just(0.0), st.floats(0, 12), st.floats(0, 200))
accidents = st.fixed_dictionaries(
    {},
    optional={
        "n_drop": st.integers(1, 20),
        "n_corrupt": st.integers(1, 8),
        "n_cut": st.integers(1, 8),
        "n_double": st.integers(1, 8),
        "garbage": st.binary(max_size=30),
        "echo": st.booleans(),
    },
)
phases = st.lists(st.tuples(st.integers(1, 12), delays_ms, accidents), min_size=1, max_size=12)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(phases, st.sampled_from([100.0, 200.0]))
@example([(4, 150, {}), (16, 0, {}), (15, 150, {})], 100.0)
@example([(1, 9, {}), (1, 0, {}), (1, 9, {"n_drop": 3}), (1, 4, {}), (3, 11, {"echo": True})], 100.0)
def test_no_pattern_of_delays_and_losses_passes_an_old_position(
    pattern: list[tuple[int, float, dict[str, object]]], rate_hz: float
) -> None:
    bench = Bench(rate_hz)
    for n_cycles, delay_ms, accident in pattern:
        for key, value in accident.items():
            setattr(bench.bus.faults, key, value)
        bench.cycles(n_cycles, delay_ms)
    bench.bus.faults.n_drop = bench.bus.faults.n_corrupt = bench.bus.faults.n_cut = bench.bus.faults.n_double = 0
    bench.bus.faults.echo = False
    assert bench.works_again()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(delays_ms, st.integers(0, 2)), min_size=1, max_size=60))
def test_a_single_read_takes_no_old_answer_either(pattern: list[tuple[float, int]]) -> None:
    servo_bus = ServoBus([EmulatedServo(4, 0, RigidActuators(1))])
    port = LockstepSerial(servo_bus, lambda: 10**9)
    bus = FeetechBus(port, "bus", 1_000_000, {4: "joint"})
    for value, (delay_ms, n_drop) in enumerate(pattern):
        servo_bus.faults.delay_ns, servo_bus.faults.n_drop = round(delay_ms * MS), n_drop
        servo_bus.servos[0].write(registers.ACCELERATION.address, bytes((value,)))
        assert bus.peek(4, registers.ACCELERATION) in {value, None}
        try:
            assert bus.read(4, registers.ACCELERATION.address, 1) == bytes((value,))
            bus.write(4, registers.ACCELERATION, 200 - value)
            assert servo_bus.servos[0].get(registers.ACCELERATION) == 200 - value
        except BusTimeoutError:
            continue


def test_while_all_is_well_every_question_is_the_shortest() -> None:
    bench = Bench()
    asked: list[bytes] = []
    handle = bench.bus.handle

    def listening(data: bytes, t_now_ns: int) -> object:
        asked.append(data)
        return handle(data, t_now_ns)

    bench.bus.handle = listening  # pyright: ignore[reportAttributeAccessIssue]
    bench.cycles(50)
    questions = {data[-14:] for data in asked if data[-10:-9] == b"\x82"}
    assert questions == {bytes.fromhex("FF FF FE 0A 82 38 08 01 02 03 04 05 06 20")}
    assert {data[6] for data in asked if data[4] == 2} == {1}  # the looks at torque: one byte


def test_an_answer_of_before_is_not_taken_after_opening_again() -> None:
    bench = Bench()
    bench.cycles(3)
    bench.cycles(4, 180)
    bench.bus.faults.delay_ns = 0
    incoming = list(bench.port._incoming)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    bench.arm.close()
    bench.port._incoming += incoming  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # what the adapter still has
    bench.t_now_ns = bench.port.now_ns() + 300 * MS
    bench.arm.open()
    bench.arm.hold()
    assert bench.works_again()


def test_after_a_long_silence_holding_asks_at_once() -> None:
    bench = Bench()
    bench.cycles(3)
    bench.bus.faults.silent_ids.update(range(1, 7))
    assert bench.cycles(50) == 0
    bench.bus.faults.silent_ids.clear()
    for _ in range(3):
        bench.arm.hold()
    assert bench.works_again()


def test_a_question_has_a_length_of_its_own_until_it_is_over() -> None:
    questions = OpenQuestions()
    assert questions.free_length(FEEDBACK_LENGTHS, 0) == 8
    questions.ask(8, 0)
    assert questions.free_length(FEEDBACK_LENGTHS, 0) == 9
    questions.ask(9, 1)
    questions.heard(8)  # nothing is older
    assert list(questions.lengths) == [8, 9]
    questions.heard(9)  # others may still answer it, nobody the one before
    assert list(questions.lengths) == [9]
    questions.close(9)
    assert list(questions.lengths) == []


def test_silence_frees_a_length_in_the_end_and_questions_become_rarer() -> None:
    questions = OpenQuestions()
    n_asked = 0
    for t_ms in range(0, 5000, 10):
        length = questions.free_length(FEEDBACK_LENGTHS, t_ms * MS)
        if length is not None and questions.is_due(t_ms * MS):
            questions.ask(length, t_ms * MS)
            n_asked += 1
    assert 6 * 5 <= n_asked <= 60  # about one every LATEST_NS / 6 in the end
    assert questions.free_length(FEEDBACK_LENGTHS, 5000 * MS) is not None
    assert questions.free_length([8], 5000 * MS + LATEST_NS) == 8


def test_no_answer_is_open_to_be_an_echo() -> None:
    for lengths in (registers.FEEDBACK_LENGTHS, (1, 4, 5, 6, 7)):
        assert not {0, 2, 3} & set(lengths)
    assert [registers.feedback_address(n) for n in (8, 15, 16, 31)] == [56, 56, 55, 40]
