"""What is no warning: rates before they can be what they will be, and what follows from a bus that is not there."""

from __future__ import annotations

from dataclasses import replace

from bench.status_rig import arm, policy, status
from runtime.status.concerns import warnings_of
from runtime.status.robot_status import RobotStatus

SLOW_CAMERA = policy(cameras=(replace(policy().cameras[0], rate_hz=4.0),))


def test_rates_are_not_judged_in_the_first_seconds() -> None:
    begun = status(arm=arm(rate_hz=51.0, uptime_s=0.5), policy=SLOW_CAMERA)
    assert warnings_of(begun) == ()
    later = replace(begun, arm=arm(rate_hz=51.0, uptime_s=60.0))
    assert len(warnings_of(later)) == 2


def test_a_bus_that_is_not_there_is_told_once() -> None:
    silent = policy(faults={"command process": "silent"})
    for gone in (arm(state="BOOT", rate_hz=0.0), arm(state="FAULT", bus_lost=True, rate_hz=0.0)):
        assert not _of_the_loop(status(arm=gone, policy=silent))
    assert _of_the_loop(status(arm=arm(), policy=silent)) == ["command process: silent"]
    assert _of_the_loop(status(arm=arm(rate_hz=0.0), policy=policy()))


def _of_the_loop(seen: RobotStatus) -> list[str]:
    return [words for words in warnings_of(seen) if "command" in words]
