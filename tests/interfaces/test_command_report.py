"""A report is read as it was written, whatever is in it; and nothing else is read as a report."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.command_report import MAX_TEXT, REPORT_BYTES, CommandReport, ReportEncoder, decode_report
from interfaces.errors import ProtocolError
from interfaces.messages import CommandState, JointState
from interfaces.wire import MAX_JOINTS

INT64 = st.integers(-(2**63), 2**63 - 1)
COUNTS = st.integers(0, 2**63 - 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=MAX_TEXT // 4)
ANGLES = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def reports(draw: st.DrawFn) -> CommandReport:
    n = draw(st.integers(1, MAX_JOINTS))

    def vector() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array(draw(st.lists(ANGLES, min_size=n, max_size=n)))

    joints = None
    if draw(st.booleans()):
        joints = JointState(
            t_measured_ns=draw(st.integers(1, 2**63 - 1)),
            position_rad=vector(),
            velocity_rad_s=vector(),
            effort_ratio=vector(),
            voltage_v=vector(),
            temperature_degc=vector(),
        )
    return CommandReport(
        sequence=draw(COUNTS),
        t_report_ns=draw(INT64),
        t_started_ns=draw(INT64),
        pid=draw(st.integers(0, 2**32 - 1)),
        robot=draw(TEXTS),
        dry_run=draw(st.booleans()),
        state=draw(st.sampled_from(CommandState)),
        why=draw(TEXTS),
        t_state_ns=draw(INT64),
        n_joints=n,
        joints=joints,
        commanded_rad=vector(),
        rate_asked_hz=draw(ANGLES),
        rate_hz=draw(ANGLES),
        missed=draw(COUNTS),
        late_p99_ns=draw(INT64),
        bus_lost=draw(st.booleans()),
        bus_fault=draw(TEXTS),
        bus_errors=draw(COUNTS),
        bus_errors_in_a_row=draw(st.integers(0, 2**32 - 1)),
        policy_connected=draw(st.booleans()),
        chunk_sequence=draw(INT64),
        chunk_age_ns=draw(INT64),
        frame_age_ns=draw(INT64),
        last_fault=draw(TEXTS),
        t_fault_ns=draw(INT64),
        realtime=draw(TEXTS),
        locked_kb=draw(COUNTS),
        estop_pressed=draw(TEXTS),
    )


def flat(report: CommandReport) -> dict[str, object]:
    """Return what can be compared, NaN included."""
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    joints = values.pop("joints")
    if joints is not None:
        values |= {field.name: getattr(joints, field.name) for field in fields(joints)}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else repr(value) for name, value in values.items()}


@given(st.lists(reports(), min_size=1, max_size=3))
def test_it_is_read_as_it_was_written_also_after_another(written: list[CommandReport]) -> None:
    encoder = ReportEncoder()
    for report in written:
        data = bytes(encoder.encode(report))
        assert len(data) == REPORT_BYTES
        assert flat(decode_report(data)) == flat(report)


@given(st.one_of(st.binary(max_size=64), st.binary(min_size=REPORT_BYTES, max_size=REPORT_BYTES)))
def test_garbage_is_no_report(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_report(data)


@given(reports(), st.lists(st.tuples(st.integers(0, REPORT_BYTES - 1), st.integers(0, 255)), max_size=20))
def test_a_report_that_was_spoiled_is_one_or_is_refused(report: CommandReport, spoiled: list[tuple[int, int]]) -> None:
    data = bytearray(ReportEncoder().encode(report))
    for at, value in spoiled:
        data[at] = value
    try:
        read = decode_report(bytes(data))
    except ProtocolError:
        return
    assert len(read.commanded_rad) == read.n_joints
    assert isinstance(read.why, str)


@given(reports())
def test_a_text_that_is_too_long_is_cut_and_too_many_joints_are_refused(report: CommandReport) -> None:
    long = replace(report, why="é" * MAX_TEXT)
    assert decode_report(bytes(ReportEncoder().encode(long))).why == "é" * (MAX_TEXT // 2)
    with pytest.raises(ProtocolError, match=r"holds 1\.\.16"):
        ReportEncoder().encode(replace(report, n_joints=MAX_JOINTS + 1))


@given(reports())
def test_ages_are_of_the_report_not_of_whoever_reads_it(report: CommandReport) -> None:
    assert report.uptime_s == (report.t_report_ns - report.t_started_ns) * 1e-9
    assert (report.joints_age_ns is None) == (report.joints is None)
