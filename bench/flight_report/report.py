"""From a flight record to its page."""

from __future__ import annotations

from collections.abc import Callable

from bench.flight_report import plots
from bench.flight_report.headline import headline_of
from bench.flight_report.moments import Moment, moments_of, stretches_of
from bench.flight_report.page import page, spread_table
from bench.flight_report.series import Series, series_of
from bench.flight_report.tracking import tracking_of
from interfaces.errors import RefusedError
from runtime.flight.record import FlightRecord

Draw = Callable[[], str]


def report(record: FlightRecord, progress: Callable[[float], None] = lambda _: None) -> str:
    """Return the page about a record, as HTML; `progress` is told the share that is done. Raises RefusedError without a cycle."""
    if not record.cycles:
        raise RefusedError("; ".join([f"{record.files[0]}: no cycle of the command process to report", *record.notes]))
    series = series_of(record)
    tracking = tracking_of(series)
    headline, moments = headline_of(record, series, tracking), moments_of(record, series, tracking)
    drawings: list[tuple[str, Draw]] = [
        ("Ages", lambda: plots.draw_ages(series)),
        ("Period", lambda: plots.draw_period(series)),
        ("Joints", lambda: plots.draw_joints(series, record)),
        (_closer_title(moments, series), lambda: plots.draw_closer(series, record, _looked_at_ns(moments, series))),
        ("Tracking", lambda: plots.draw_tracking(series, tracking, record) + spread_table(headline.tracking)),
        ("Inference", lambda: plots.draw_inference(series, record)),
        ("Motors", lambda: plots.draw_motors(series, record)),
        ("Lost on the way to the recorder", lambda: plots.draw_drops(series, record)),
    ]
    drawn: list[tuple[str, str]] = []
    for title, draw in drawings:
        drawn.append((title, draw()))
        progress(len(drawn) / len(drawings))
    states_svg = plots.draw_states(series, record)
    return page(record, headline, stretches_of(record, series), states_svg, drawn, moments)


def _looked_at_ns(moments: tuple[Moment, ...], series: Series) -> int:
    tracked = [moment.t_ns for moment in moments if "tracking" in moment.title]
    return tracked[0] if tracked else series.t_zero_ns


def _closer_title(moments: tuple[Moment, ...], series: Series) -> str:
    here_s = float(series.since_start_s(_looked_at_ns(moments, series)))
    return f"Joints and chunks around {here_s:.2f} s, the largest tracking error"
