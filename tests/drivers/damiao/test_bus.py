"""Questions and answers among motors: registers, cycles, and what is done so that no old answer is taken for a new one."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest

from drivers.can.port import CanFrame
from drivers.damiao import protocol
from drivers.damiao.bus import BusMotor, DamiaoBus
from drivers.damiao.protocol import RANGES, MitCommand, Register
from interfaces.errors import BusTimeoutError, DeviceError
from sim.can.bus import CanBus
from sim.can.lockstep import LockstepCan
from sim.motors.springs import RigidMitMotors
from sim.yam.arm import yam_nodes
from sim.yam.links import MODELS

MS = 1_000_000
BUDGET_NS = 2_800_000  # 0.7 of the period at 250 Hz
NAMES = [f"joint{number}" for number in range(1, 8)]


class Bench:
    """Seven motors that drive, on a virtual clock; frames that the host sends are kept."""

    def __init__(self) -> None:
        self.motors = RigidMitMotors(7)
        self.can = CanBus(yam_nodes(self.motors))
        self.t_ns = 10**9
        self.port = LockstepCan(self.can, lambda: self.t_ns)
        self.sent: list[CanFrame] = []
        send = self.port.send

        def sending(frames: Sequence[CanFrame]) -> None:
            self.sent += frames
            send(frames)

        self.port.send = sending
        motors = [BusMotor(name, 1 + i, 0x11 + i, RANGES[MODELS[i]]) for i, name in enumerate(NAMES)]
        self.bus = DamiaoBus(self.port, "can0", 1_000_000, motors)
        self.bus.cycle([protocol.order(1 + i, protocol.ENABLE) for i in range(7)], BUDGET_NS)

    def cycle(self, angle_rad: float, budget_ns: int = BUDGET_NS) -> list[float]:
        """Send all motors to an angle a period later, and return what they tell."""
        self.t_ns = self.port.now_ns() // (4 * MS) * 4 * MS + 4 * MS
        self.sent.clear()
        command = MitCommand(angle_rad, 0.0, 1.0, 1.0, 0.0)
        frames = [protocol.mit_command(1 + i, command, RANGES[model]) for i, model in enumerate(MODELS)]
        told, _ = self.bus.cycle(frames, budget_ns)
        return [each.position_rad for each in told]

    def n_fences(self) -> int:
        """How many registers were asked for in the last cycle."""
        return sum(frame.data[2] == protocol.READ for frame in self.sent if frame.can_id == protocol.REGISTER_ID)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_good_cycle_is_a_command_and_an_answer_a_motor_and_no_more(bench: Bench) -> None:
    assert bench.cycle(0.5) == pytest.approx([0.5] * 7, abs=4e-4)
    assert bench.cycle(-0.5) == pytest.approx([-0.5] * 7, abs=4e-4)
    assert len(bench.sent) == 7
    assert bench.n_fences() == 0


def test_a_cycle_takes_the_wire_time_of_its_frames(bench: Bench) -> None:
    bench.cycle(0.5)
    t_start_ns = bench.t_ns
    assert 14 * 111_000 <= bench.port.now_ns() - t_start_ns <= 14 * 135_000


def test_the_instant_of_a_cycle_lies_among_its_answers(bench: Bench) -> None:
    bench.cycle(0.5)
    t_start_ns = bench.port.now_ns()
    _, t_measured_ns = bench.bus.cycle(bench.bus.refresh(), BUDGET_NS)
    assert t_start_ns + 7 * 111_000 < t_measured_ns < bench.port.now_ns()


@pytest.mark.parametrize(("n_lost", "budget_ns"), [(1, BUDGET_NS), (2, 7 * MS), (5, 7 * MS)])
def test_who_is_missing_is_asked_again_in_the_same_cycle(bench: Bench, n_lost: int, budget_ns: int) -> None:
    bench.cycle(0.5)
    bench.can.faults.n_drop = n_lost
    assert bench.cycle(-0.5, budget_ns) == pytest.approx([-0.5] * 7, abs=4e-4)
    assert len(bench.sent) == 7 + n_lost


def test_after_an_incomplete_cycle_one_register_goes_in_front_once(bench: Bench) -> None:
    bench.cycle(0.5)
    bench.can.faults.n_drop = 1
    bench.cycle(-0.5)
    assert bench.n_fences() == 0
    bench.cycle(0.5)
    assert (bench.sent[0].can_id, bench.n_fences()) == (protocol.REGISTER_ID, 1)
    bench.cycle(-0.5)
    assert bench.n_fences() == 0


def test_the_register_in_front_is_another_one_each_time(bench: Bench) -> None:
    bench.can.faults.silent.add(3)
    asked: list[int] = []
    for _ in range(20):
        with pytest.raises(BusTimeoutError, match=r"^motor 4 \(joint4\) on can0: no answer in time$"):
            bench.cycle(0.5)
        asked += [frame.data[3] for frame in bench.sent if frame.data[2] == protocol.READ][:1]
    assert len(set(asked)) == 19  # the first cycle needed none


@pytest.mark.parametrize("delay_ms", [0.3, 2.0, 4.0, 6.5, 90.0, 170.0])
@pytest.mark.parametrize("n_late", [1, 20])
def test_an_old_answer_is_never_taken_for_a_new_one(bench: Bench, delay_ms: float, n_late: int) -> None:
    for cycle in range(80):
        bench.can.faults.delay_ns = round(delay_ms * MS) if 5 <= cycle < 5 + n_late else 0
        angle = 0.01 * cycle
        try:
            told = bench.cycle(angle)
        except BusTimeoutError:
            continue
        assert told == pytest.approx([angle] * 7, abs=4e-4), cycle
    bench.t_ns += 300 * MS
    bench.cycle(0.0)
    assert bench.cycle(1.0) == pytest.approx([1.0] * 7, abs=4e-4)


def lose_the_fence(bench: Bench) -> None:
    bench.can.faults.n_drop = 1


def silence_the_first(bench: Bench) -> None:
    bench.can.faults.silent.add(0)


@pytest.mark.parametrize("fault", [lose_the_fence, silence_the_first])
def test_a_question_in_front_that_is_lost_does_not_lock_the_bus(bench: Bench, fault: Callable[[Bench], None]) -> None:
    bench.can.faults.n_drop = 1
    bench.cycle(0.5)
    fault(bench)
    with pytest.raises(BusTimeoutError):
        bench.cycle(0.5)
    bench.can.faults.silent.clear()
    with suppress(BusTimeoutError):  # this one may still fail, the next not
        bench.cycle(0.7)
    assert bench.cycle(-0.5) == pytest.approx([-0.5] * 7, abs=4e-4)


def works(bench: Bench, angle_rad: float) -> bool:
    """Whether a cycle gets all its answers."""
    try:
        bench.cycle(angle_rad)
    except BusTimeoutError:
        return False
    return True


def test_answers_that_come_after_their_cycle_are_counted_and_need_nothing_in_front(bench: Bench) -> None:
    bench.can.faults.delay_ns = 1_800_000  # the last ones after the deadline, all before the next cycle
    for _ in range(3):
        with pytest.raises(BusTimeoutError):
            bench.cycle(0.5)
    bench.can.faults.delay_ns = 0
    assert bench.cycle(-0.5) == pytest.approx([-0.5] * 7, abs=4e-4)
    assert bench.n_fences() == 0


def test_a_bus_on_which_a_question_in_front_is_too_much_comes_back_all_the_same(bench: Bench) -> None:
    bench.can.faults.delay_ns = 1_050_000
    bench.cycle(0.5)
    took_ns = bench.port.now_ns() - bench.t_ns
    assert BUDGET_NS - 200_000 < took_ns < BUDGET_NS  # two frames more would be late
    bench.can.faults.n_drop = 1
    worked = [works(bench, 0.1 * cycle) for cycle in range(10)]
    assert all(worked[3:])


def test_commands_reach_the_motors_while_answers_are_not_believed(bench: Bench) -> None:
    bench.can.faults.delay_ns = 30 * MS
    for cycle in range(10):
        with pytest.raises(BusTimeoutError):
            bench.cycle(0.1 * cycle)
        assert np.allclose(bench.motors.positions_rad, 0.1 * cycle, atol=4e-4)


def test_frames_of_others_are_ignored_and_counted(bench: Bench) -> None:
    bench.cycle(0.5)
    before = bench.bus.n_foreign
    bench.can.faults.garbage = [
        CanFrame(0x7A, b"\x11" * 8),
        CanFrame(0x11, b"\x11" * 5),
        CanFrame(0x11, b"\x12" + b"\x55" * 7),
        CanFrame(0x11, b"\x11" * 8, extended=True),
        CanFrame(0x11, remote=True),
    ]
    assert bench.cycle(-0.5) == pytest.approx([-0.5] * 7, abs=4e-4)
    assert bench.bus.n_foreign == before + 5


def test_registers_are_read_and_written_and_read_back(bench: Bench) -> None:
    bench.bus.write(2, Register.TIMEOUT, 1234)
    assert bench.bus.read(2, Register.TIMEOUT) == 1234
    with pytest.raises(DeviceError, match=r"motor 3 \(joint3\) on can0: register 14 was set to 1 and reads 5016"):
        bench.bus.write(2, Register.SOFTWARE_VERSION, 1)


def test_a_lost_answer_about_a_register_is_asked_for_again(bench: Bench) -> None:
    bench.can.faults.n_drop = 2
    assert bench.bus.read(0, Register.MOTOR_ID) == 1
    bench.can.faults.silent.add(0)
    with pytest.raises(BusTimeoutError, match=r"motor 1 \(joint1\) on can0: no answer in 3 attempts"):
        bench.bus.read(0, Register.MOTOR_ID)


def test_a_late_answer_about_another_register_is_not_taken(bench: Bench) -> None:
    bench.can.faults.delay_ns = 29 * MS
    assert bench.bus.read(0, Register.FEEDBACK_ID) == 0x11
    bench.can.faults.delay_ns = 100 * MS
    with pytest.raises(BusTimeoutError):
        bench.bus.read(0, Register.FEEDBACK_ID)
    bench.can.faults.delay_ns = 0
    assert bench.bus.read(0, Register.MOTOR_ID) == 1


def test_time_runs_forward_over_cycles(bench: Bench) -> None:
    stamps: list[int] = []
    for _ in range(5):
        bench.t_ns += 4 * MS
        stamps.append(bench.bus.cycle(bench.bus.refresh(), BUDGET_NS)[1])
    assert all(later > earlier for earlier, later in pairwise(stamps))
