"""What was found, as tables for people, and as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence

from drivers.find.can_questions import FoundMotor
from drivers.find.everything import BusFindings, Findings, PortFindings
from drivers.find.servos import FoundServo
from drivers.find.video import FoundVideo

BAR_CELLS = 20
MODES_SHOWN = 4


def bar(share: float) -> str:
    """Return a bar that is filled by a share, 0 to 1."""
    filled = round(BAR_CELLS * min(1.0, max(0.0, share)))
    return f"[{'#' * filled}{'.' * (BAR_CELLS - filled)}]"


def tables(findings: Findings) -> str:
    """Return all of it for people."""
    blocks = [_cameras(findings), *map(tables_of_port, findings.ports), *map(_bus, findings.buses)]
    if findings.skipped:
        blocks.append(["not looked at", *(f"  {reason}" for reason in findings.skipped)])
    if not findings.complete:
        blocks.append(["interrupted: not everything was looked at"])
    elif not findings.anything:
        blocks.append(["nothing was found: is it plugged in, and are the motors powered?"])
    return "\n\n".join("\n".join(block) for block in blocks if block)


def as_text(findings: Findings) -> str:
    """Return all of it as JSON."""
    return json.dumps({**dataclasses.asdict(findings), "skipped": findings.skipped}, indent=2)


def _cameras(findings: Findings) -> list[str]:
    rows = [
        (
            camera.name,
            f"serial {camera.serial}",
            f"firmware {camera.firmware}" if camera.firmware else "",
            _usb(camera.usb),
        )
        for camera in findings.realsense
    ]
    rows += [(video.name, video.path, _modes(video), "") for video in findings.videos]
    return ["cameras", *_columns(rows)] if rows else []


def _usb(usb: str) -> str:
    if usb.startswith("2"):
        return f"USB {usb}: needs USB 3, use another socket or cable"
    return f"USB {usb}" if usb else ""


def _modes(video: FoundVideo) -> str:
    """Return the sizes, largest first, each with its highest rate, whatever the pixel format."""
    rates_hz: dict[tuple[int, int], float] = {}
    for mode in video.modes:
        size = (mode.width_px, mode.height_px)
        rates_hz[size] = max(rates_hz.get(size, 0.0), *mode.rates_hz, 0.0)
    sizes = sorted(rates_hz, key=lambda size: -size[0] * size[1])
    shown = [f"{width}x{height} at {rates_hz[width, height]:g} Hz" for width, height in sizes[:MODES_SHOWN]]
    return ", ".join([*shown, f"{len(sizes) - MODES_SHOWN} smaller"] if len(sizes) > MODES_SHOWN else shown)


def tables_of_port(port: PortFindings) -> list[str]:
    """Return the lines about one serial port."""
    adapter = port.adapter
    timer = "" if adapter.latency_ms is None else f", latency timer {adapter.latency_ms} ms"
    device = "" if adapter.device == adapter.path else f" ({adapter.device})"
    lines = [f"serial {adapter.path}{device}", f"  {adapter.chip}{timer}"]
    if port.sweep.servos:
        head = ("id", "model", "firmware", "baud", "supply", "heat", "position", "torque", "")
        return lines + _columns(map(_servo, port.sweep.servos), head)
    if port.skipped:
        return [*lines, "  not looked at"]
    rates = {family: rates_hz for family, rates_hz in port.sweep.rates_hz.items() if rates_hz}
    asked = "; ".join(f"{family} at {', '.join(map(str, rates_hz))} baud" for family, rates_hz in rates.items())
    return [*lines, f"  no servo answers ({asked}). Is the arm powered? --thorough asks each id at each rate"]


def _servo(servo: FoundServo) -> tuple[str, ...]:
    return (
        str(servo.servo_id),
        servo.model + ("" if servo.known else " (not driven by forerun)"),
        servo.firmware,
        str(servo.baud_hz),
        "" if servo.voltage_v is None else f"{servo.voltage_v:.1f} V",
        "" if servo.temperature_degc is None else f"{servo.temperature_degc} degC",
        "" if servo.position_ticks is None else f"{servo.position_ticks} ticks",
        {None: "", True: "on", False: "off"}[servo.torque],
        servo.trouble,
    )


def _bus(bus: BusFindings) -> list[str]:
    interface = bus.interface
    told = [f"{bus.bitrate_hz} bit/s"] if interface is None or interface.bitrate_hz else []
    if interface is not None:
        told = [interface.driver, "up" if interface.up else "down", *told, interface.state]
    lines = [f"CAN {bus.port}", "  " + ", ".join(part for part in told if part)]
    if bus.sweep.motors:
        head = ("id", "answers as", "model", "firmware", "position", "heat", "state")
        lines += _columns(map(_motor, bus.sweep.motors), head)
    elif bus.skipped:
        lines.append("  not looked at")
    else:
        lines.append(f"  no motor answers; {bus.sweep.n_frames} frames were heard")
    return lines + [f"  {note}" for note in bus.sweep.notes]


def _motor(motor: FoundMotor) -> tuple[str, ...]:
    return (
        str(motor.motor_id),
        "" if motor.feedback_id is None else f"{motor.feedback_id:#05x}",
        motor.model,
        motor.firmware,
        "" if motor.position_rad is None else f"{round(motor.position_rad, 3) + 0.0:.3f} rad",
        "" if motor.temperature_degc is None else f"{motor.temperature_degc:.0f} degC",
        motor.state,
    )


def _columns(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> list[str]:
    """Return the rows with their columns under each other; a column without anything but its head is left out."""
    body = [list(row) for row in rows]
    kept = [i for i in range(len(body[0])) if any(row[i] for row in body)]
    table = [list(head), *body] if head else body
    widths = {i: max(len(row[i]) for row in table) for i in kept}
    return ["  " + "  ".join(row[i].ljust(widths[i]) for i in kept).rstrip() for row in table]
