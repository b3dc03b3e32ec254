"""The driver against emulated servos in lockstep: what it does about losses, silence, late answers and echoes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.arm_rigs.feetech_bench import PERIOD_NS, POSE_RAD, Bench
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.errors import BusTimeoutError
from sim.feetech.bus import Reply, ServoBus

Fault = Callable[[ServoBus], None]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def lose_two(bus: ServoBus) -> None:
    bus.faults.n_drop = 2


def spoil_one(bus: ServoBus) -> None:
    bus.faults.n_corrupt = 1


def cut_two(bus: ServoBus) -> None:
    bus.faults.n_cut = 2


def double_all(bus: ServoBus) -> None:
    bus.faults.n_double = 6


def garbage(text: str) -> Fault:
    def add(bus: ServoBus) -> None:
        bus.faults.garbage = bytes.fromhex(text)

    return add


OTHERS = {
    "lose two": lose_two,
    "spoil one": spoil_one,
    "cut two": cut_two,
    "double all": double_all,
    "header of a packet": garbage("00 FF FF 01 0A 00 FF"),
    "headers only": garbage("FF FF FF FF FF FF FF"),
    "a length that lies": garbage("FF FF 01 FA 00"),
    "a servo nobody asked": garbage("FF FF 09 0A 00" + "00" * 8 + "EC"),
    "an acknowledgement": garbage("FF FF 02 02 00 FB"),
    "another servo as servo 3": garbage("FF FF 03 0A 00 00 08" + "00" * 6 + "EA"),
    "our question": garbage("FF FF FE 0A 82 38 08 01 02 03 04 05 06 20"),
}


@pytest.mark.parametrize("fault", list(OTHERS.values()), ids=list(OTHERS))
def test_what_is_lost_is_asked_again_within_the_period(bench: Bench, fault: Fault) -> None:
    bench.arm.open()
    bench.arm.hold()
    for sign in (1, -1, 1):
        fault(bench.bus)
        state = bench.exchange(sign * POSE_RAD)
        assert state.position_rad == pytest.approx(sign * POSE_RAD, abs=RAD_PER_TICK / 2)
        assert bench.port.now_ns() - bench.t_now_ns < 0.7 * PERIOD_NS


def test_silence_ends_at_the_deadline_and_is_forgotten_after(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    bench.bus.faults.silent_ids.add(5)
    with pytest.raises(BusTimeoutError, match=r"^servo 5 \(wrist_roll\) on servo-bus: no answer in time"):
        bench.exchange(POSE_RAD)
    assert bench.port.now_ns() - bench.t_now_ns <= 0.7 * PERIOD_NS
    bench.bus.faults.silent_ids.clear()
    assert bench.exchange(-POSE_RAD).position_rad == pytest.approx(-POSE_RAD, abs=RAD_PER_TICK / 2)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    bench.exchange(POSE_RAD)
    handle = bench.bus.handle

    def late(data: bytes, t_now_ns: int) -> list[Reply]:
        return [replace(reply, t_done_ns=reply.t_done_ns + 10_500_000) for reply in handle(data, t_now_ns)]

    bench.bus.handle = late
    with pytest.raises(BusTimeoutError):
        bench.exchange(POSE_RAD)
    bench.bus.handle = handle
    assert bench.exchange(-POSE_RAD).position_rad == pytest.approx(-POSE_RAD, abs=RAD_PER_TICK / 2)


def test_an_adapter_that_echoes_is_tolerated(bench: Bench) -> None:
    handle = bench.bus.handle

    def echoing(data: bytes, t_now_ns: int) -> list[Reply]:
        return [Reply(t_now_ns, data), *handle(data, t_now_ns)]

    bench.bus.handle = echoing
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    assert bench.arm.open().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    bench.arm.hold()
    assert bench.exchange(-POSE_RAD).position_rad == pytest.approx(-POSE_RAD, abs=RAD_PER_TICK / 2)


def test_an_echo_is_counted_on_after_a_loss_too(bench: Bench) -> None:
    bench.bus.faults.echo = True
    bench.arm.open()
    bench.arm.hold()
    for _ in range(3):
        bench.bus.faults.n_drop = 2
        bench.exchange(POSE_RAD)
        bench.exchange(-POSE_RAD)  # not a moment longer than without an echo
        assert bench.port.now_ns() - bench.t_now_ns == (26 + 14 + 6 * 14) * 10_000 + 6 * 10_000
