"""An answer that comes late is never taken for a new one, and what is lost is asked for again: the driver in lockstep.

The motors are at once where they are sent and every cycle sends them elsewhere, so a pose that is not the newest target is an
old answer. The adapter keeps the order of bytes, as adapters do, and holds them back for as long as the hand likes.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.arm_rigs.dynamixel import koch_arm
from drivers.dynamixel.arm import DynamixelArm
from drivers.dynamixel.questions import LATE_MAX_NS
from drivers.dynamixel.registers import RAD_PER_TICK
from interfaces.errors import BusTimeoutError
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.bus_process import koch_servos
from sim.feetech.bus_process import RigidActuators
from sim.serial.bus import BusFaults
from sim.serial.lockstep import LockstepSerial

MS = 1_000_000
LATE_MAX_MS = LATE_MAX_NS // MS


class LateBench:
    """An arm that is sent elsewhere in every cycle."""

    def __init__(self, *, fast: bool = True, rate_hz: float = 100.0, echo: bool = False) -> None:
        self.motors = RigidActuators(6)
        self.bus = DynamixelServoBus(koch_servos(self.motors))
        for servo in self.bus.servos:
            servo.knows_fast_reads = fast
        self.bus.faults.echo = echo
        self.t_now_ns = 10**9
        self.port = LockstepSerial(self.bus, lambda: self.t_now_ns)
        config = replace(koch_arm(), port="dynamixel-bus", rate_hz=rate_hz, motor_timeout_ms=0.0)
        self.period_ns = config.period_ns
        self.arm = DynamixelArm(config, self.port.open_port)
        self.n_cycles = 0
        self.arm.open()
        self.arm.hold()

    @property
    def faults(self) -> BusFaults:
        return self.bus.faults

    def cycle(self) -> bool:
        """Return whether an answer came; it must be that to this cycle's targets."""
        self.n_cycles += 1
        target = np.full(6, 2 * RAD_PER_TICK * (self.n_cycles % 200 - 20))
        self.t_now_ns = max(self.t_now_ns + self.period_ns, self.port.now_ns())
        try:
            state = self.arm.exchange(target)
        except BusTimeoutError:
            return False
        assert state.position_rad == pytest.approx(target, abs=RAD_PER_TICK / 2), (
            f"cycle {self.n_cycles}: an old answer"
        )
        return True

    def recover(self) -> None:
        """Let the adapter be prompt again; answers must come again, soon after the late ones have."""
        self.bus.faults.delay_ns = self.bus.faults.n_drop = 0
        came = [self.cycle() for _ in range(4 + LATE_MAX_NS // self.period_ns)]
        assert all(came[-3:])


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
@pytest.mark.parametrize("delay_ms", [1, 9, 10, 11, 35, 150, LATE_MAX_MS - 10])
@pytest.mark.parametrize("n_late", [1, 7, 40])
def test_late_for_a_while(fast: bool, delay_ms: int, n_late: int) -> None:  # noqa: FBT001
    bench = LateBench(fast=fast)
    for _ in range(2):
        assert bench.cycle()
        bench.faults.delay_ns = delay_ms * MS
        for _ in range(n_late):
            bench.cycle()
        bench.recover()


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
def test_the_rest_of_an_answer_that_was_cut_off_by_the_deadline(fast: bool) -> None:  # noqa: FBT001
    # So quick a loop that what is late by a little runs into the next cycle.
    bench = LateBench(fast=fast, rate_hz=235.0)
    for delay_us in range(0, 6000, 50):
        bench.faults.delay_ns = delay_us * 1000
        bench.cycle()
        bench.cycle()
    bench.recover()


cycles = st.lists(
    st.tuples(
        st.integers(0, LATE_MAX_MS - 10),
        st.sampled_from([0, 0, 0, 1, 2, 5, 6, 12]),
        st.sampled_from([0, 0, 0, 0, 1, 3, 6]),
    ),
    max_size=60,
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(history=cycles, fast=st.booleans(), rate_hz=st.sampled_from([20.0, 100.0, 200.0]), echo=st.booleans())
def test_any_pattern_of_delays_losses_and_silence(
    history: list[tuple[int, int, int]],
    fast: bool,  # noqa: FBT001
    rate_hz: float,
    echo: bool,  # noqa: FBT001
) -> None:
    bench = LateBench(fast=fast, rate_hz=rate_hz, echo=echo)
    for delay_ms, n_drop, silent_id in history:
        bench.faults.delay_ns, bench.faults.n_drop = delay_ms * MS, n_drop
        bench.faults.silent_ids = {silent_id}
        bench.cycle()
    bench.faults.silent_ids.clear()
    bench.recover()


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        {"n_drop": 1},
        {"n_drop": 3},
        {"n_corrupt": 1},
        {"n_cut": 1},
        {"n_double": 1},
        {"garbage": bytes.fromhex("00fffffdfffffd00fe970055")},
        {"garbage": bytes.fromhex("fffffd000120005500")},
        {"garbage": b"\xff\xff\xfd"},
    ],
    ids=str,
)
def test_what_is_spoilt_is_asked_for_again_within_the_period(
    fast: bool,  # noqa: FBT001
    echo: bool,  # noqa: FBT001
    fault: dict[str, object],
) -> None:
    bench = LateBench(fast=fast, echo=echo, rate_hz=60.0)
    for _ in range(3):
        for key, value in fault.items():
            setattr(bench.faults, key, value)
        t_start_ns = bench.port.now_ns()
        assert bench.cycle()
        assert bench.port.now_ns() - t_start_ns < 2 * bench.period_ns


@pytest.mark.parametrize("silent_id", range(1, 7))
def test_a_silent_servo_is_named_and_no_other(silent_id: int) -> None:
    bench = LateBench(rate_hz=60.0)
    bench.cycle()
    bench.faults.silent_ids.add(silent_id)
    with pytest.raises(BusTimeoutError, match=rf"^servo {silent_id} \(\w+\) on dynamixel-bus: no answer in time$"):
        bench.arm.exchange(np.zeros(6))
    bench.faults.silent_ids.clear()
    bench.recover()


def test_where_there_is_no_time_to_ask_again_only_the_first_silent_one_is_blamed() -> None:
    bench = LateBench(rate_hz=200.0)
    bench.faults.silent_ids.add(3)
    with pytest.raises(
        BusTimeoutError, match=r"^servo 3 \(elbow_flex\) .* no answer in time; 3 behind it could not be heard"
    ):
        bench.arm.exchange(np.zeros(6))


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
def test_it_goes_on_as_soon_as_the_late_answers_have_come(fast: bool) -> None:  # noqa: FBT001
    bench = LateBench(fast=fast)
    bench.faults.delay_ns = 130 * MS
    while bench.cycle() or bench.n_cycles < 14:  # all forms are taken
        continue
    bench.faults.delay_ns = 0
    n_until_it_works = 1
    while not bench.cycle():
        n_until_it_works += 1
    # The last of the late answers is due 130 ms after the 12th question, and nothing overtakes it: 11 cycles from here. Who only
    # waited for the first question's time to be over would need 17.
    assert n_until_it_works <= 13
    assert all(bench.cycle() for _ in range(20))


@pytest.mark.parametrize(("rate_hz", "delay_us"), [(100.0, 4300), (60.0, 2400)])
def test_an_answer_is_waited_for_as_long_as_there_is_nothing_better_to_do(rate_hz: float, delay_us: int) -> None:
    # At 100 Hz and 1 Mbit/s there is no time to ask everybody again: until the cycle's end then. At 60 Hz there is.
    bench = LateBench(rate_hz=rate_hz)
    bench.faults.delay_ns = delay_us * 1000
    assert bench.cycle()
    bench.faults.delay_ns, bench.faults.n_drop = 0, 6
    assert bench.cycle() is (rate_hz == 60.0)


def test_when_nothing_may_be_asked_the_servos_still_get_their_goals() -> None:
    bench = LateBench()
    bench.faults.delay_ns = 250 * MS
    while bench.cycle() or bench.n_cycles < 20:
        continue
    target = np.full(6, 0.3)
    with pytest.raises(BusTimeoutError, match="nothing is asked until answers that are late have come"):
        bench.arm.exchange(target)
    assert bench.motors.positions_rad == pytest.approx(target, abs=RAD_PER_TICK / 2)
