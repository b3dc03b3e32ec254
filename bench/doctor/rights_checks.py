"""Groups and limits, judged: facts in, checks out."""

from __future__ import annotations

from collections.abc import Sequence

from bench.doctor.check import Check, Verdict, good_if, unreadable
from bench.doctor.rights import RightsFacts
from interfaces.installed import SERVICE_USER
from interfaces.robot_config import RobotConfig

_LOCKED_LEAST_MB = 256.0  # the command process locks all of its addresses, libraries included
_MB = 1e6


def needed_groups(robot: RobotConfig, *, serial: bool, jetson: bool) -> list[str]:
    """Return the groups that a process needs to be in to open the devices of a robot."""
    cameras = any(camera.driver in {"realsense", "uvc"} for camera in robot.cameras)
    wanted = [
        ("dialout", serial), ("video", cameras), ("plugdev", cameras), ("gpio", bool(robot.runtime.estop_gpio)),
        ("render", jetson),
    ]  # fmt: skip
    return [group for group, needed in wanted if needed]


def rights_checks(facts: RightsFacts, needed: Sequence[str], priority: int, *, installed: bool) -> list[Check]:
    """Return the checks; `needed` are the groups that own the robot's devices, `priority` the one the command process asks for."""
    known = [group for group in needed if group in facts.known_groups]
    found: list[Check] = []
    if installed:
        found.append(_service_groups(facts, known))
    if not facts.is_root:
        found.append(_user_groups(facts, [*known, *([SERVICE_USER] if installed else [])]))
    if not installed:  # there the units give what is needed, and a person's shell needs none of it
        found += [_realtime(facts, priority), _locked(facts), _nice(facts)]
    return [*found, _rt_group(facts)]


def _service_groups(facts: RightsFacts, needed: Sequence[str]) -> Check:
    name, limit = "groups of the service", ", ".join(needed) or "none needed"
    if facts.service_groups is None:
        return Check(
            name=name,
            value=f"there is no user {SERVICE_USER}",
            limit=limit,
            verdict=Verdict.BAD,
            remedy="`sudo ./install.sh install`",
        )
    lacking = [group for group in needed if group not in facts.service_groups]
    return Check(
        name=name,
        value=f"not in {', '.join(lacking)}" if lacking else ", ".join(sorted(facts.service_groups)),
        limit=limit,
        verdict=good_if(not lacking, Verdict.BAD),
        remedy=f"`sudo usermod -aG {','.join(lacking)} {SERVICE_USER}; sudo systemctl restart forerun.target`",
    )


def _user_groups(facts: RightsFacts, needed: Sequence[str]) -> Check:
    lacking = [group for group in needed if group not in facts.user_groups]
    return Check(
        name="groups of this user",
        value=f"{facts.user} is not in {', '.join(lacking)}" if lacking else f"{facts.user} is in all of them",
        limit=", ".join(needed) or "none needed",
        verdict=good_if(not lacking),
        remedy=f"`sudo usermod -aG {','.join(lacking)} {facts.user}`, then log in again",
    )


def _realtime(facts: RightsFacts, priority: int) -> Check:
    name, limit = "limit of real-time priority", f"{priority} or more (root needs none)"
    if facts.realtime_priority is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{facts.realtime_priority:g}",
        limit=limit,
        verdict=good_if(facts.realtime_priority >= priority or facts.is_root),
        remedy=_limits_line(facts, f"rtprio {priority}"),
        figures={"rtprio": facts.realtime_priority},
    )


def _locked(facts: RightsFacts) -> Check:
    name, limit = "limit of locked memory", f"{_LOCKED_LEAST_MB:.0f} MB or more (root needs none)"
    if facts.locked_memory_bytes is None:
        return unreadable(name, limit)
    megabytes = facts.locked_memory_bytes / _MB
    return Check(
        name=name,
        value="no limit" if megabytes == float("inf") else f"{megabytes:.0f} MB",
        limit=limit,
        verdict=good_if(megabytes >= _LOCKED_LEAST_MB or facts.is_root),
        remedy=_limits_line(facts, "memlock unlimited"),
        figures={"locked_mb": megabytes},
    )


def _nice(facts: RightsFacts) -> Check:
    name, limit = "limit of nice", "40 (to -20), where there is no real-time priority (root needs none)"
    if facts.nice is None:
        return unreadable(name, limit)
    needless = facts.is_root or (facts.realtime_priority or 0) > 0
    return Check(
        name=name,
        value=f"{facts.nice:g}",
        limit=limit,
        verdict=good_if(facts.nice >= 40 or needless),
        remedy=_limits_line(facts, "nice -20"),
        figures={"nice": facts.nice},
    )


def _rt_group(facts: RightsFacts) -> Check:
    name, limit = "real time a control group", "not shared out (CONFIG_RT_GROUP_SCHED off)"
    if facts.rt_group_sched is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value="the kernel shares it out between control groups" if facts.rt_group_sched else "not shared out",
        limit=limit,
        verdict=good_if(not facts.rt_group_sched),
        remedy="fine where real-time priority is permitted; else a service gets EPERM: `sudo sysctl -w"
        " kernel.sched_rt_runtime_us=-1`, or, on newer kernels, rt_group_sched=0 among their parameters",
    )


def _limits_line(facts: RightsFacts, what: str) -> str:
    line = f"{facts.user} - {what}"
    return f"`echo '{line}' | sudo tee -a /etc/security/limits.d/forerun.conf`, then log in again"
