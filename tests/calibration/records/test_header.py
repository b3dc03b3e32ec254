"""What a record begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest

from bench.record_rig import GOOD, RecordRig
from calibration.records.header import new_header
from calibration.session.workplace import Workplace
from interfaces.messages import JointState
from runtime.record_findings import made_at

AtWork = Callable[[RecordRig], Workplace]


def joints(*temperature_degc: float) -> JointState:
    zeros = np.zeros(len(temperature_degc))
    return JointState(
        t_measured_ns=0,
        position_rad=zeros,
        velocity_rad_s=zeros,
        effort_ratio=zeros,
        voltage_v=zeros,
        temperature_degc=np.array(temperature_degc),
    )


def test_it_says_who_when_and_of_which_robot(rig: RecordRig, at_work: AtWork) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    header = new_header(at_work(rig), [GOOD], subject="front", note="first")
    assert (header.robot, header.subject, header.operator, header.note) == ("simulated", "front", "Ann", "first")
    assert header.tool_version
    assert header.passed
    made = made_at(replace(rig.joints(), header=header))
    assert before <= made <= datetime.now(timezone.utc)


@pytest.mark.parametrize(
    ("state", "degc"), [(None, None), (joints(30.0, float("nan"), 41.0), 35.5), (joints(float("nan")), None)]
)
def test_it_says_how_warm_the_motors_were_that_tell(
    rig: RecordRig, at_work: AtWork, state: JointState | None, degc: float | None
) -> None:
    assert new_header(at_work(rig), [GOOD], joints=state).temperature_degc == degc


def test_an_account_whose_name_is_no_text_does_not_lose_a_calibration(rig: RecordRig, at_work: AtWork) -> None:
    header = new_header(at_work(rig), [GOOD], note="by J\udcfcrgen")
    assert header.note == "by J?rgen"
    rig.save(replace(rig.joints(), header=header))
