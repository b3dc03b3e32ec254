"""The conformance suite of the CAN arm drivers over an interface of the kernel, the motors in another process. Run by uml_can.py.

All of it but what measures time to the millisecond, or needs minutes of it in real time, or is arithmetic about the rate: that
stays on the virtual clock.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.arm_rigs import RIGS
from bench.arm_rigs.rig import ArmRig
from bench.arm_rigs.trial import hold
from sim.can.bus import CanBus
from tests.drivers import test_conformance, test_conformance_faults
from tests.machines.can_interface import virtual_interface
from tests.machines.vcan_rig import ServedMotors, VcanRig

ON_THE_VIRTUAL_CLOCK_ONLY = {
    "test_a_rate_that_the_wire_cannot_carry_is_refused_with_a_reason",
    "test_no_exchange_outlasts_its_share_of_the_period",
    "test_whichever_order_is_lost_while_beginning_to_hold_nothing_moves",
    "test_an_answer_that_comes_late_is_never_taken_for_a_new_one",
    "test_whatever_happens_only_our_errors_come_and_it_works_again",
}
PATIENT_NS = 40_000_000
CAN_RIGS = [name for name, make in RIGS.items() if isinstance(getattr(make(), "bus", None), CanBus)]

globals().update(
    {
        name: test
        for suite in (test_conformance, test_conformance_faults)
        for name, test in vars(suite).items()
        if name.startswith("test_") and name not in ON_THE_VIRTUAL_CLOCK_ONLY
    }
)


@pytest.fixture(scope="module")
def interface() -> Iterator[str]:
    with virtual_interface("vcan0") as name:
        yield name


@pytest.fixture(scope="module", params=CAN_RIGS)
def motors(request: pytest.FixtureRequest, interface: str) -> Iterator[ServedMotors]:
    with ServedMotors(request.param, interface) as motors:
        yield motors


@pytest.fixture
def rig(motors: ServedMotors, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArmRig]:
    # The one driver that asks again after a fixed time, and then passes over an exchange.
    monkeypatch.setattr("drivers.odrive.bus.ROUND_NS", PATIENT_NS, raising=False)
    rig = VcanRig(motors)
    yield rig
    rig.arm.close()


@pytest.fixture
def held(rig: ArmRig) -> ArmRig:
    hold(rig)
    return rig


def test_there_are_can_drivers() -> None:
    assert CAN_RIGS
