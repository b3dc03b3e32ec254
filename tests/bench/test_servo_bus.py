"""The benchmark of the servo bus: what it counts as what, and that all contenders run."""

from pathlib import Path

import pytest

from bench.servo_bus import Result, run_cycle, run_second
from bench.servo_contenders import CONTENDERS
from sim.feetech.bus_process import ServoBusProcess


def test_good_failed_and_stale_cycles_are_told_apart() -> None:
    result = Result()
    for measured in (0.5, 0.5 + 1e-6, None, 0.4):
        run_cycle(lambda _goal, measured=measured: measured, 0.5, result)
    assert (len(result.good), len(result.bad), result.n_failed, result.n_stale) == (2, 2, 1, 1)


def test_a_second_has_as_many_cycles_as_the_rate() -> None:
    result = Result()
    run_second(lambda goal: goal, 500.0, result)
    assert len(result.good) == 500


@pytest.mark.parametrize("name", list(CONTENDERS))
def test_each_contender_sends_and_measures(name: str, tmp_path: Path) -> None:
    pytest.importorskip({"scservo_sdk": "scservo_sdk", "rustypot": "rustypot"}.get(name, "drivers"))
    with ServoBusProcess(tmp_path / "bus") as emulator:
        cycle = CONTENDERS[name](emulator.path, 10.0)
        measured = [cycle(0.25) for _ in range(20)]  # a busy machine may lose some
    assert pytest.approx(0.25, abs=2e-3) in [value for value in measured if value is not None]
