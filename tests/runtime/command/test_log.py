"""The log of the command process: the newest periods, whole on disk, in figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import ConfigError
from interfaces.messages import ActionChunk, CommandState, JointCommand, JointState
from runtime.command.log import CommandLog, CycleTimes, load_log, summarise
from runtime.command.realtime import Tick

MS = 1_000_000
PERIOD_NS = 10 * MS
CHUNK = ActionChunk(
    sequence=9,
    t_capture_ns=1,
    t_state_ns=2,
    t_first_ns=3,
    step_ns=4,
    foresight_age_ns=70 * MS,
    position_rad=np.zeros((2, 2)),
)


def put(log: CommandLog, k: int, *, late_ns: int = 0, missed: int = 0, following: bool = True) -> None:
    t_deadline_ns = (1000 + k) * PERIOD_NS
    t_sent_ns = t_deadline_ns + late_ns
    pose = np.full(2, float(k))
    log.cycle(
        Tick(t_deadline_ns=t_deadline_ns, t_woke_ns=t_sent_ns, missed=missed),
        JointCommand(
            t_command_ns=t_sent_ns,
            position_rad=pose + 0.5,
            state=CommandState.FOLLOWING if following else CommandState.HOLDING,
            chunk_sequence=9 if following else 0,
            frame_age_ns=80 * MS if following else -1,
        ),
        CHUNK if following else None,
        JointState(
            t_measured_ns=0,
            position_rad=pose,
            velocity_rad_s=pose,
            effort_ratio=pose,
            voltage_v=pose,
            temperature_degc=pose,
        ),
        CycleTimes(t_decided_ns=t_sent_ns, t_sent_ns=t_sent_ns, t_done_ns=t_sent_ns + 2 * MS),
    )


def log_of(capacity: int) -> CommandLog:
    return CommandLog(n_joints=2, period_ns=PERIOD_NS, capacity=capacity)


def test_the_newest_periods_are_kept_in_order() -> None:
    log = log_of(5)
    assert len(log.records()) == 0
    for k in range(13):
        put(log, k)
    assert log.records()["position_rad"][:, 0].tolist() == [8.0, 9.0, 10.0, 11.0, 12.0]


def test_what_is_saved_is_loaded_and_no_half_file_is_left(tmp_path: Path) -> None:
    log = log_of(5)
    put(log, 3)
    log.idle(Tick(t_deadline_ns=1, t_woke_ns=2, missed=0), CommandState.FAULT)
    log.save(tmp_path / "commands.npz")
    records, period_ns = load_log(tmp_path / "commands.npz")
    assert records.tobytes() == log.records().tobytes()
    assert period_ns == PERIOD_NS
    assert [entry.name for entry in tmp_path.iterdir()] == ["commands.npz"]


def test_a_file_that_is_no_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"not this")
    with pytest.raises(ConfigError, match=r"picture\.png"):
        load_log(tmp_path / "picture.png")


def test_the_summary_has_the_figures() -> None:
    log = log_of(100)
    for k in range(40):
        put(log, k, late_ns=3 * MS if k == 20 else 0)
    put(log, 45, missed=5)
    for k in range(46, 56):
        put(log, k, following=False)
    summary = summarise(log.records(), PERIOD_NS)
    assert summary.commands == 51
    assert summary.missed == 5
    assert summary.duration_s == pytest.approx(0.55)
    assert summary.lateness.max_ms == pytest.approx(3.0)
    assert summary.lateness.p50_ms == 0.0
    assert summary.period_error.max_ms == pytest.approx(50.0)
    assert summary.bus.p50_ms == pytest.approx(2.0)
    assert summary.frame_age.p99_ms == pytest.approx(80.0)
    assert summary.foresight_age.p50_ms == pytest.approx(70.0)
    assert summary.state_ratio == {"FOLLOWING": pytest.approx(41 / 51), "HOLDING": pytest.approx(10 / 51)}
    assert "50.000 ms" in summary.period_error.line()


def test_periods_without_a_bus_are_no_period_errors() -> None:
    log = log_of(100)
    put(log, 0)
    for _ in range(30):
        log.idle(Tick(t_deadline_ns=1, t_woke_ns=2, missed=0), CommandState.FAULT)
    put(log, 300)
    put(log, 301)
    summary = summarise(log.records(), PERIOD_NS)
    assert summary.missed == 0
    assert summary.period_error.max_ms == 0.0
    assert summary.state_ratio["FAULT"] == pytest.approx(30 / 33)


def test_nothing_has_no_figures() -> None:
    summary = summarise(log_of(3).records(), PERIOD_NS)
    assert summary.commands == 0
    assert np.isnan(summary.bus.p99_ms)
