"""Homing offsets are written into all servos or none, whatever is lost or loses its power, at every step of the writing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.feetech import registers as feetech
from interfaces.errors import DeviceLostError, ForerunError
from tests.drivers.homing_bench import FAMILIES, WANTED, HomingBench, new, old


@pytest.fixture(params=FAMILIES)
def bench(request: pytest.FixtureRequest) -> HomingBench:
    return HomingBench(request.param)


def each_step(bench: HomingBench, stride: int = 1) -> Iterator[str]:
    """Put everything back and let something happen before the next order of a writing, order by order; yields which."""
    bench.homing.open()
    bench.port.n_orders = 0
    bench.homing.write_offsets(WANTED)
    n_orders = bench.port.n_orders
    assert n_orders > 30
    for at in range(0, n_orders, stride):
        bench.put_back()
        bench.port.n_orders, bench.port.at = 0, at
        yield f"order {at} of {n_orders}"


def attempted(bench: HomingBench) -> ForerunError | KeyboardInterrupt | None:
    try:
        bench.homing.write_offsets(WANTED)
    except (ForerunError, KeyboardInterrupt) as error:
        return error
    return None


def assert_all_or_nothing(bench: HomingBench, error: BaseException | None, step: str) -> None:
    """Either all servos have the new offsets, or all the old, or the error says which has what."""
    kept = bench.kept()
    if error is None:
        assert kept == new(), step
        return
    for index, (settings, joint) in enumerate(zip(kept, bench.config.joints, strict=True)):
        if settings != old()[index]:
            said = [part for part in str(error).split(";") if joint.name in part and "keeps a homing offset of" in part]
            assert said, f"{step}: {joint.name} has {settings}, and the error says: {error}"
            assert f" {settings[0]}" in said[0], step


def test_an_answer_that_is_lost_at_any_step_is_asked_for_again(bench: HomingBench) -> None:
    bench.port.act = lambda: setattr(bench.bus.faults, "n_drop", 1)
    for step in each_step(bench):
        assert attempted(bench) is None, step
        assert bench.kept() == new(), step


def test_a_servo_that_loses_its_power_at_any_step_leaves_all_or_nothing(bench: HomingBench) -> None:
    bench.port.act = lambda: [servo.power_on() for servo in bench.bus.servos]
    n_errors = 0
    for step in each_step(bench):
        error = attempted(bench)
        assert_all_or_nothing(bench, error, step)
        if error is not None:
            n_errors += 1
            assert bench.kept() == old(), step  # they are back at once, so nothing is left
            assert attempted(bench) is None, step  # and it can be tried again
            assert bench.kept() == new(), step
    assert (n_errors > 0) == (bench.registers is feetech)  # only these forget that they may be written


def test_a_servo_that_falls_silent_at_any_step_is_named_and_the_others_get_back_what_they_had(
    bench: HomingBench,
) -> None:
    bench.port.act = lambda: bench.bus.faults.silent_ids.add(4)
    for step in each_step(bench, stride=5):
        error = attempted(bench)
        bench.bus.faults.silent_ids.clear()
        assert_all_or_nothing(bench, error, step)


def test_ctrl_c_at_any_step_leaves_what_was(bench: HomingBench) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    bench.port.act = interrupt
    for step in each_step(bench, stride=5):
        assert isinstance(attempted(bench), KeyboardInterrupt), step
        assert bench.kept() == old(), step


def test_a_cable_that_is_pulled_is_a_lost_device_and_says_what_is_where(bench: HomingBench) -> None:
    def pull() -> None:
        bench.port.at = bench.port.n_orders  # and every order from now on
        raise DeviceLostError("gone")

    bench.port.act = pull
    for step in each_step(bench, stride=5):
        error = attempted(bench)
        assert isinstance(error, DeviceLostError), step
        bench.port.at = None
        assert_all_or_nothing(bench, error, step)
