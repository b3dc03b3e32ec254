"""The status of the policy process, as the control socket tells it: a JSON object, milliseconds and radians."""

from __future__ import annotations

from typing import Any

from runtime.policy.board import CameraView, PolicyBoard
from runtime.policy.gauge import Gauge

Status = dict[str, Any]


def describe(board: PolicyBoard, t_now_ns: int) -> Status:
    """Return what the process does at `t_now_ns`; null stands where there is nothing yet. `camera` is the first of `cameras`."""
    command, chunk, foresight = board.command, board.chunk, board.foresights.newest()
    cameras = {name: _camera(view, t_now_ns) for name, view in board.cameras.items()}
    age_ns = t_now_ns - foresight.value.t_capture_ns if foresight else None
    return {
        "instruction": board.instruction,
        "camera": next(iter(cameras.values()), _camera(CameraView(), t_now_ns)),
        "cameras": cameras,
        "foresight": _loop(board.foresight_latency, t_now_ns),
        "action": _loop(board.action_latency, t_now_ns),
        "foresight_age": {
            "newest_ms": round(age_ns * 1e-6, 3) if age_ns is not None else None,
            **_durations(board.foresight_age),
        },
        "chunk_sequence": chunk.sequence if chunk else None,
        "ready": board.ready,
        "hanging": list(board.hanging),
        "connected": board.connected,
        "command_state": command.state.name if command else None,
        "joints_rad": command.joints.position_rad.tolist() if command else None,
        "faults": board.faults,
        "last_fault": board.last_fault,
    }


def _camera(view: CameraView, t_now_ns: int) -> Status:
    health = view.health
    return {
        **_loop(view.latency, t_now_ns),
        "clock": health.clock if health else None,
        "domain": health.domain if health else None,
        "lost": health.lost if health else None,
        "rejected": health.rejected if health else None,
        "restarts": health.restarts if health else None,
        "resets": health.resets if health else None,
    }


def _loop(latency: Gauge, t_now_ns: int) -> Status:
    return {"count": latency.count, "rate_hz": latency.rate_hz(t_now_ns), **_durations(latency)}


def _durations(gauge: Gauge) -> Status:
    """Return the percentiles of a latency or an age."""
    percentiles = gauge.percentiles()
    return {
        "p50_ms": percentiles.p50_ms if percentiles else None,
        "p99_ms": percentiles.p99_ms if percentiles else None,
    }
