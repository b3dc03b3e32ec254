"""What the policy process tells over its control socket (runtime/policy/status.py), read with care: another version may run there."""

from __future__ import annotations

import math
from typing import cast

from interfaces.request_socket import JsonObject
from interfaces.robot_config import RobotConfig
from runtime.status.robot_status import BundleStatus, LoopStatus, PolicyStatus


def read_policy(reply: JsonObject, robot: RobotConfig) -> PolicyStatus:
    """Return what a reply tells; what it lacks, or tells in a way we do not know, is None or empty."""
    policy, cameras = robot.policy, _object(reply.get("cameras"))
    instruction = reply.get("instruction")
    age_s = number(_object(reply.get("foresight_age")).get("newest_ms"))
    return PolicyStatus(
        instruction=instruction if isinstance(instruction, str) else None,
        instructions=texts(reply.get("instructions")),
        ready=reply["ready"] if isinstance(reply.get("ready"), bool) else None,
        hanging=texts(reply.get("hanging")),
        connected=reply.get("connected") is True,
        cameras=tuple(
            _loop(camera.name, camera.rate_hz, cameras[camera.name])
            for camera in robot.cameras
            if camera.name in cameras
        ),
        foresight=_loop("foresight", policy.foresight_rate_hz, reply.get("foresight")),
        action=_loop("action", policy.action_rate_hz, reply.get("action")),
        foresight_age_s=None if age_s is None else age_s / 1000,
        foresight_age_max_s=policy.foresight_age_max_ms / 1000,
        faults={source: str(text) for source, text in _object(reply.get("faults")).items()},
        last_fault=str(reply["last_fault"]) if reply.get("last_fault") else None,
        bundle=_bundle(reply),
    )


def number(value: object) -> float | None:
    """Return a finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def texts(value: object) -> tuple[str, ...]:
    """Return a list's texts; none where it is no list."""
    return tuple(str(each) for each in cast("list[object]", value)) if isinstance(value, list) else ()


def _loop(name: str, wanted_hz: float, value: object) -> LoopStatus:
    told = _object(value)
    return LoopStatus(
        name=name,
        rate_wanted_hz=float(wanted_hz),
        rate_hz=number(told.get("rate_hz")),
        latency_p50_ms=number(told.get("p50_ms")),
        latency_p99_ms=number(told.get("p99_ms")),
    )


def _bundle(reply: JsonObject) -> BundleStatus | None:
    told = _object(reply.get("bundle"))
    if "name" not in told:
        return None
    runs_as = str(told.get("runs_as", ""))  # a policy process of an earlier version does not say
    return BundleStatus(name=str(told["name"]), on_trial=told.get("on_trial") is True, runs_as=runs_as)


def _object(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}
