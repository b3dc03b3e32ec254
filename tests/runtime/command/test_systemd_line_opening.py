"""How long each driver may take to open its bus and hold, when motors are silent or slow: what systemd's watchdog is asked to wait for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from bench.arm_rigs import RIGS
from bench.arm_rigs.rig import ArmRig, RigMaker
from interfaces.errors import ForerunError
from runtime.command.systemd_line import OPENING_S

MS = 1_000_000
SHARE = 0.5  # of the patience; the rest is for arms of more joints


def all_silent(rig: ArmRig) -> None:
    for index in range(len(rig.config.joints)):
        rig.silence(index)


def last_silent(rig: ArmRig) -> None:
    rig.silence(len(rig.config.joints) - 1)


def slow(rig: ArmRig) -> None:
    rig.delay(25 * MS)  # of the 30 ms that most drivers wait in setup: each answer comes, and each as late as it may


@pytest.mark.parametrize("spoil", [all_silent, last_silent, slow])
@pytest.mark.parametrize("make", RIGS.values(), ids=RIGS)
def test_opening_a_bus_ends_within_the_patience_asked_for(make: RigMaker, spoil: Callable[[ArmRig], None]) -> None:
    rig = make()
    spoil(rig)
    t_start_ns = rig.now_ns()
    with suppress(ForerunError):
        rig.arm.open()
        rig.arm.hold()
    assert rig.now_ns() - t_start_ns < SHARE * OPENING_S * 1e9
