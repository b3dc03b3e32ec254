"""The plots of the page, each one SVG: what was measured over the flight, and a closer look at the joints."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.flight_report.drawing import COLOURS, legend, panels, parted, svg, thinned
from bench.flight_report.headline import inference_ms
from bench.flight_report.series import Column, Rows, Series
from bench.flight_report.tracking import Tracking
from interfaces.messages import CommandState
from runtime.flight.record import FlightRecord

STATE_COLOURS = {
    CommandState.BOOT: "#9aa0a6",
    CommandState.READY: "#3b82c4",
    CommandState.FOLLOWING: "#3d9a50",
    CommandState.HOLDING: "#d9a22b",
    CommandState.FAULT: "#cf3d3d",
    CommandState.ESTOP: "#a01f6b",
}
_CLOSE_S = 1.5  # on both sides of the instant looked at
_CHUNKS_MAX = 60  # drawn in a closer look


def draw_states(series: Series, record: FlightRecord) -> str:
    """Return the states over time, as coloured stretches."""
    figure, (axes,) = panels(1, 0.7)
    states = np.array([int(cycle.state) for cycle in record.cycles])
    t_s = series.since_start_s(np.array([cycle.t_woke_ns for cycle in record.cycles], np.int64))
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states) - 1]
    for start, end in itertools.pairwise(edges):
        axes.axvspan(t_s[start], t_s[end], color=STATE_COLOURS[CommandState(int(states[start]))], linewidth=0)
    axes.set_yticks([])
    axes.set_xlabel("time in s")
    axes.grid(visible=False)
    axes.margins(x=0)
    return svg(figure)


def draw_ages(series: Series) -> str:
    """Return how old frame and foresight behind each command were."""
    figure, (axes,) = panels(1, 2.6)
    _line(axes, series.t_s, series.frame_age_ms, "frame, at the command", 0)
    _line(axes, series.t_s, series.foresight_age_ms, "foresight, at the joint state", 1)
    return _finished(figure, axes, "age in ms")


def draw_period(series: Series) -> str:
    """Return the period error over time, and how often it was how large."""
    figure, (over_time, histogram) = panels(2, 2.4, share_x=False)
    _line(over_time, series.t_s, series.period_error_ms, "time since the command before, minus the period", 0)
    missed = series.missed > 0
    over_time.plot(series.t_s[missed], series.period_error_ms[missed], "x", color=COLOURS[1], label="missed periods")
    over_time.set_xlabel("time in s")
    over_time.set_ylabel("ms")
    legend(over_time)
    known = series.period_error_ms[np.isfinite(series.period_error_ms)]
    if len(known):
        histogram.hist(known, bins=80, color=COLOURS[0], log=True)
    histogram.set_xlabel("period error in ms")
    histogram.set_ylabel("commands")
    return svg(figure)


def draw_joints(series: Series, record: FlightRecord) -> str:
    """Return commanded and measured angle of every joint over the flight."""
    names = record.robot.arm.joint_names
    figure, axes = panels(len(names), 1.5)
    measured_s = _measured_s(series)
    for k, (name, one) in enumerate(zip(names, axes, strict=True)):
        _line(one, measured_s, series.measured_rad[:, k], "measured", 1)
        _line(one, series.t_s, series.commanded_rad[:, k], "commanded", 0)
        one.set_ylabel(f"{name}\nrad")
    legend(axes[0])
    axes[-1].set_xlabel("time in s")
    return svg(figure)


def draw_closer(series: Series, record: FlightRecord, t_ns: int) -> str:
    """Return every joint around an instant, with the rows of the chunks that were taken."""
    names = record.robot.arm.joint_names
    figure, axes = panels(len(names), 1.9)
    here_s = float(series.since_start_s(t_ns))
    near = slice(*np.searchsorted(_woke_s(series, record), [here_s - _CLOSE_S, here_s + _CLOSE_S]))
    for k, (name, one) in enumerate(zip(names, axes, strict=True)):
        _draw_chunks(one, series, record, k, here_s)
        one.plot(_measured_s(series)[near], series.measured_rad[near, k], color=COLOURS[1], label="measured")
        one.plot(series.t_s[near], series.commanded_rad[near, k], color=COLOURS[0], label="commanded", linewidth=1.5)
        one.axvline(here_s, color=COLOURS[3], linewidth=0.8, linestyle=":")
        one.set_ylabel(f"{name}\nrad")
        one.set_xlim(here_s - _CLOSE_S, here_s + _CLOSE_S)
    axes[0].plot([], [], color="#9aa0a6", linewidth=0.7, marker=".", markersize=3, label="rows of the chunks")
    legend(axes[0])
    axes[-1].set_xlabel("time in s")
    return svg(figure)


def draw_tracking(series: Series, tracking: Tracking, record: FlightRecord) -> str:
    """Return measured minus commanded of every joint over time."""
    figure, (axes,) = panels(1, 2.6)
    _lines(axes, _measured_s(series), 1e3 * tracking.error_rad, record)
    return _finished(figure, axes, "measured - commanded in mrad")


def draw_inference(series: Series, record: FlightRecord) -> str:
    """Return how long each run of the two graphs took."""
    figure, (axes,) = panels(1, 2.6)
    for name, runs, colour in (("foresight", record.foresights, 0), ("action", record.inferences, 1)):
        t_s = series.since_start_s(np.array([run.t_start_ns for run in runs], np.int64))
        _line(axes, t_s, inference_ms(runs), name, colour)
    axes.set_ylim(bottom=0)
    return _finished(figure, axes, "inference in ms")


def draw_motors(series: Series, record: FlightRecord) -> str:
    """Return what the motors report of themselves."""
    figure, axes = panels(3, 1.8)
    quantities = (
        ("supply in V", series.voltage_v),
        ("temperature in degC", series.temperature_degc),
        ("effort, ratio", series.effort_ratio),
    )
    for one, (name, values) in zip(axes, quantities, strict=True):
        _lines(one, _measured_s(series), values, record)
        one.set_ylabel(name)
    legend(axes[0], columns=6)
    axes[-1].set_xlabel("time in s")
    return svg(figure)


def draw_drops(series: Series, record: FlightRecord) -> str:
    """Return what the recorder says it lost, over time; a sentence where that is nothing."""
    if not record.recorder:
        return "<p>The recorder said nothing of itself.</p>"
    names = [name for name, count in record.recorder[-1].lost.items() if count]
    if not names:
        return "<p>The recorder lost nothing of what it was sent while it ran.</p>"
    figure, (axes,) = panels(1, 2.0)
    t_s = series.since_start_s(np.array([report.t_ns for report in record.recorder], np.int64))
    for index, name in enumerate(names):
        counts = np.array([report.lost.get(name, 0) for report in record.recorder], np.float64)
        axes.plot(t_s, counts, color=COLOURS[index % len(COLOURS)], label=name, drawstyle="steps-post")
    return _finished(figure, axes, "lost since the recorder began")


def _draw_chunks(axes: Axes, series: Series, record: FlightRecord, joint: int, here_s: float) -> None:
    firsts_s = series.since_start_s(np.array([chunk.t_first_ns for chunk in record.chunks], np.int64))
    near = [k for k, first_s in enumerate(firsts_s) if here_s - _CLOSE_S < first_s < here_s + _CLOSE_S]
    for k in near[:: max(1, -(-len(near) // _CHUNKS_MAX))]:
        chunk = record.chunks[k]
        t_s = float(firsts_s[k]) + 1e-9 * chunk.step_ns * np.arange(len(chunk.position_rad))
        axes.plot(
            t_s, chunk.position_rad[:, joint], color="#9aa0a6", linewidth=0.5, alpha=0.7, marker=".", markersize=2
        )


def _measured_s(series: Series) -> Column:
    return np.where(series.t_measured_ns > 0, series.since_start_s(series.t_measured_ns), np.nan)


def _woke_s(series: Series, record: FlightRecord) -> Column:
    return series.since_start_s(np.array([cycle.t_woke_ns for cycle in record.cycles], np.int64))


def _line(axes: Axes, t_s: Column, values: Column, label: str, colour: int) -> None:
    if len(values):
        axes.plot(*parted(*thinned(t_s, values)), color=COLOURS[colour % len(COLOURS)], label=label, linewidth=0.8)


def _lines(axes: Axes, t_s: Column, rows: Rows, record: FlightRecord) -> None:
    for k, name in enumerate(record.robot.arm.joint_names):
        _line(axes, t_s, rows[:, k], name, k)


def _finished(figure: Figure, axes: Axes, label: str) -> str:
    axes.set_xlabel("time in s")
    axes.set_ylabel(label)
    legend(axes, columns=6)
    return svg(figure)
