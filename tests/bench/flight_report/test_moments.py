"""States with their reasons, and the worst moments with the pictures around them."""

from collections.abc import Callable

import pytest

from bench.flight_report.moments import around, moments_of, stretches_of
from bench.flight_report.series import series_of
from bench.flight_report.tracking import tracking_of
from bench.flight_rig import T_START_NS, Script, fly
from interfaces.messages import CommandState, StageInputKind
from interfaces.robot_config import RobotConfig
from runtime.flight.record import FlightRecord, RecordedFrame


def test_states_come_with_time_and_reason(record_of: Callable[[Script], FlightRecord]) -> None:
    script = Script(periods=300, told={101: StageInputKind.ESTOP, 151: StageInputKind.CLEAR})
    record = record_of(script)
    stretches = stretches_of(record, series_of(record))
    states = [(stretch.state, round(stretch.t_start_s, 2)) for stretch in stretches]
    assert states == [
        (CommandState.READY, 0.0),
        (CommandState.FOLLOWING, 0.03),
        (CommandState.ESTOP, 1.0),
        (CommandState.READY, 1.5),
        (CommandState.FOLLOWING, 1.51),
    ]
    assert stretches[2].why == "ESTOP by script"
    assert stretches[2].duration_s == pytest.approx(0.5)


def test_the_worst_moments_are_found_with_the_pictures_around_them(
    robot: RobotConfig, make_record: Callable[..., FlightRecord], make_frame: Callable[..., RecordedFrame]
) -> None:
    script = Script(periods=300, told={201: StageInputKind.ESTOP}, missed={120: 2})
    flight = fly(robot, script)
    frames = tuple(make_frame(T_START_NS + k * 33_000_000) for k in range(100))
    record = make_record(flight, frames)
    series = series_of(record)
    moments = {moment.title: moment for moment in moments_of(record, series, tracking_of(series))}
    assert set(moments) == {
        "largest period error",
        "oldest command",
        next(title for title in moments if title.startswith("largest tracking error of")),
        "FOLLOWING to ESTOP",
    }
    late = moments["largest period error"]
    assert late.t_ns == flight.cycles[119].t_sent_ns
    assert late.text == "+20.000 ms"
    assert moments["FOLLOWING to ESTOP"].text == "ESTOP by script"
    before, after = late.pictures
    assert before.t_capture_ns <= late.t_ns < after.t_capture_ns
    assert after.t_capture_ns - before.t_capture_ns == 33_000_000


def test_pictures_around_an_instant_are_those_of_each_camera(make_frame: Callable[..., RecordedFrame]) -> None:
    frames = (make_frame(10), make_frame(20), make_frame(15, "wrist"), make_frame(30))
    assert [frame.t_capture_ns for frame in around(frames, 20)] == [20, 30, 15]
    assert [frame.t_capture_ns for frame in around(frames, 5)] == [10, 15]
    assert around((), 20) == ()
