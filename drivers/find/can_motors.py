"""Motors on a CAN bus: who is heard, and who answers a question about itself. No motor is enabled, told anything, or written to.

First only listened: ODrive axes and CANopen drives send heartbeats. Where anything else is heard, somebody drives these motors:
then nobody is asked, since an answer meant for us could be taken for a motor's feedback. Otherwise Damiao motors are asked for
their registers, at 7FF, which nobody else listens to, and RobStride motors for their supply, with ids of 29 bits. CANopen nodes
are asked for their identity last, and only where no ODrive was heard and nobody answered: the ids of those questions, 601 to
67F, are orders to the ODrive axes 48 to 51, 602 an emergency stop among them.

CANopen: CiA 301, 7.2.4 (SDO), 7.2.8 (heartbeat), objects 1000 and 1018; the low half of object 1000 is the profile, 402 for drives.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from drivers.can.port import CanFrame, CanPort
from drivers.damiao import protocol as damiao
from drivers.find.can_questions import FoundMotor, Progress, ask, ask_each
from drivers.odrive import protocol as odrive
from drivers.robstride import protocol as robstride
from interfaces.errors import BusTimeoutError, ProtocolError

LISTEN_NS = 1_200_000_000  # heartbeats of drives come every second at the slowest that is usual
DAMIAO_IDS = range(1, 17)
ROBSTRIDE_IDS = range(1, 128)  # the factory's is 127
ROBSTRIDE_HOST = 0xFE  # not the driver's
CANOPEN_NODES = range(1, 128)
HEARTBEAT_ID, ANSWER_ID, QUESTION_ID = 0x700, 0x580, 0x600
CANOPEN_STATES = {0x00: "boots", 0x04: "stopped", 0x05: "operational", 0x7F: "pre-operational"}
DRIVE_PROFILE = 402
# What an ODrive may be set to tell by itself; 0x0A are the encoder counts of older firmware.
TOLD_BY_AXES = frozenset(
    {
        odrive.Command.HEARTBEAT,
        odrive.Command.ERROR,
        odrive.Command.ESTIMATES,
        0x0A,
        odrive.Command.IQ,
        odrive.Command.TEMPERATURE,
        odrive.Command.BUS,
        odrive.Command.TORQUES,
    }
)
_UPLOAD = 0x40
_EXPEDITED = 0x43  # answer with 4 bytes in it
_SDO = struct.Struct("<BHBI")


@dataclass(slots=True)
class BusSweep:
    """What a look at one bus brought, also when it was broken off."""

    motors: list[FoundMotor] = field(default_factory=list[FoundMotor])
    notes: list[str] = field(default_factory=list[str])  # what was not looked at, and why
    n_frames: int = 0  # heard while nobody was asked


@dataclass(slots=True)
class _Heard:
    """What came while nobody was asked."""

    axes: dict[int, str] = field(default_factory=dict[int, str])  # ODrive's, with their states
    nodes: dict[int, str] = field(default_factory=dict[int, str])  # CANopen's, with their states
    n_orders: int = 0  # frames that no motor sends by itself


def sweep_bus(port: CanPort, say: Progress, into: BusSweep | None = None) -> BusSweep:
    """Return the motors on an open bus; raises DeviceError where the bus is lost meanwhile."""
    sweep = into or BusSweep()
    say("listening for heartbeats", 0.0)
    heard = _listen(port, sweep)
    if heard.n_orders:
        sweep.notes.append(
            f"in use: {heard.n_orders} frames that motors do not send by themselves; our questions could be taken for"
            " answers by whoever drives them: end that, and look again"
        )
        return sweep
    sweep.motors += [
        FoundMotor(family="odrive", motor_id=axis, model="ODrive axis", state=state)
        for axis, state in sorted(heard.axes.items())
    ]
    try:
        _ask_damiao(port, sweep, say)
        _ask_robstride(port, sweep, say)
        if not sweep.motors:
            _ask_canopen(port, sweep, heard.nodes, say)
        elif heard.nodes:
            sweep.motors += [_drive(port, node, state) for node, state in sorted(heard.nodes.items())]
        else:
            families = ", ".join(sorted({motor.family for motor in sweep.motors}))
            sweep.notes.append(
                f"CANopen nodes were not asked: their questions may be orders to others ({families} found)"
            )
    except BusTimeoutError as error:
        sweep.notes.append(f"nobody acknowledges a frame ({error}): check power, cable, termination and bit rate")
    say("done", 1.0)
    return sweep


def _listen(port: CanPort, sweep: BusSweep) -> _Heard:
    heard = _Heard()
    t_end_ns = port.now_ns() + LISTEN_NS
    while (frame := port.receive(t_end_ns)) is not None:
        sweep.n_frames += 1
        heard.n_orders += not _is_told_unasked(frame, heard)
    return heard


def _is_told_unasked(frame: CanFrame, heard: _Heard) -> bool:
    """Return whether a motor may have sent the frame by itself, and remember which did."""
    if frame.extended or frame.remote:
        return False
    node = frame.can_id - HEARTBEAT_ID
    if node in CANOPEN_NODES and len(frame.data) == 1:
        heard.nodes[node] = CANOPEN_STATES.get(frame.data[0] & 0x7F, f"state {frame.data[0]:#04x}")
        return True
    axis, command = odrive.split_id(frame.can_id)
    if axis > odrive.NODE_MAX or len(frame.data) != 8:
        return False
    if command == odrive.Command.HEARTBEAT:
        heard.axes[axis] = _axis_state(frame.data)
    return command in TOLD_BY_AXES


def _axis_state(data: bytes) -> str:
    heartbeat = odrive.decode_heartbeat(data)
    names = {state.value: state.name.lower().replace("_", " ") for state in odrive.AxisState}
    state = names.get(heartbeat.state, f"state {heartbeat.state}")
    return state + (f", errors {heartbeat.errors:#x}" if heartbeat.errors else "")


def _ask_damiao(port: CanPort, sweep: BusSweep, say: Progress) -> None:
    found = _damiao_registers(
        port,
        DAMIAO_IDS,
        damiao.Register.SOFTWARE_VERSION,
        lambda motor_id: say(f"Damiao motor {motor_id}?", 0.1 + 0.1 * motor_id / len(DAMIAO_IDS)),
    )
    for motor_id, (feedback_id, version) in found.items():
        sweep.motors.append(_damiao_motor(port, motor_id, feedback_id, version))


def _damiao_motor(port: CanPort, motor_id: int, feedback_id: int, version: float) -> FoundMotor:
    limits = (damiao.Register.POSITION_MAX, damiao.Register.VELOCITY_MAX, damiao.Register.TORQUE_MAX)
    answers = [_damiao_registers(port, [motor_id], register).get(motor_id) for register in limits]
    known = [answer[1] for answer in answers if answer is not None]
    if len(known) < len(limits):
        return FoundMotor(
            family="damiao", motor_id=motor_id, feedback_id=feedback_id, model="Damiao", firmware=f"{version:.0f}"
        )
    span = damiao.MitRange(position_max_rad=known[0], velocity_max_rad_s=known[1], torque_max_nm=known[2])
    models = [name for name, usual in damiao.RANGES.items() if _same(usual, span)]
    told = _damiao_feedback(port, motor_id, feedback_id, span)
    return FoundMotor(
        family="damiao",
        motor_id=motor_id,
        feedback_id=feedback_id,
        model=" or ".join(models) or f"Damiao, {known[0]:g} rad, {known[1]:g} rad/s, {known[2]:g} Nm",
        firmware=f"{version:.0f}",
        position_rad=told.position_rad if told else None,
        temperature_degc=told.rotor_degc if told else None,
        state=damiao.state_name(told.state) if told else "",
    )


def _same(usual: damiao.MitRange, span: damiao.MitRange) -> bool:
    pairs = (
        (usual.position_max_rad, span.position_max_rad),
        (usual.velocity_max_rad_s, span.velocity_max_rad_s),
        (usual.torque_max_nm, span.torque_max_nm),
    )
    return all(abs(a - b) < 1e-3 for a, b in pairs)


def _damiao_registers(
    port: CanPort, ids: Iterable[int], register: int, say: Callable[[int], None] | None = None
) -> dict[int, tuple[int, float]]:
    """Return the id that each motor answers with, and one of its registers."""

    def answers(motor_id: int, frame: CanFrame) -> tuple[int, float] | None:
        try:
            answer = damiao.parse_register_answer(frame.data)
        except ProtocolError:
            return None
        asked = (motor_id, damiao.READ, register)
        return (frame.can_id, answer.value) if (answer.motor_id, answer.operation, answer.register) == asked else None

    return ask_each(port, {motor_id: damiao.read_register(motor_id, register) for motor_id in ids}, answers, say)


def _damiao_feedback(port: CanPort, motor_id: int, feedback_id: int, span: damiao.MitRange) -> damiao.Feedback | None:
    """Return what a motor says of itself when it is asked for nothing else."""

    def answers(motor_id: int, frame: CanFrame) -> damiao.Feedback | None:
        if frame.can_id != feedback_id or len(frame.data) != damiao.FRAME_BYTES:
            return None
        told = damiao.parse_feedback(frame.data, span)
        return told if told.id_nibble == motor_id & 0xF else None

    return ask(port, motor_id, damiao.refresh(motor_id), answers)


def _ask_robstride(port: CanPort, sweep: BusSweep, say: Progress) -> None:
    data = robstride.parameter_data(robstride.Parameter.SUPPLY_V)
    questions = {
        motor_id: robstride.make_frame(robstride.Kind.READ, ROBSTRIDE_HOST, motor_id, data)
        for motor_id in ROBSTRIDE_IDS
    }
    found = ask_each(
        port,
        questions,
        _robstride_supply_v,
        lambda motor_id: say(f"RobStride motor {motor_id}?", 0.2 + 0.3 * motor_id / len(ROBSTRIDE_IDS)),
    )
    sweep.motors += [
        FoundMotor(family="robstride", motor_id=motor_id, model="RobStride", state=f"supply {supply_v:.1f} V")
        for motor_id, supply_v in found.items()
    ]


def _robstride_supply_v(motor_id: int, frame: CanFrame) -> float | None:
    answer = (robstride.Kind.READ, motor_id, ROBSTRIDE_HOST)
    if robstride.split_id(frame.can_id) != answer or len(frame.data) != robstride.FRAME_BYTES:
        return None
    index, value = robstride.parse_parameter(frame)
    return value if index == robstride.Parameter.SUPPLY_V else None


def _ask_canopen(port: CanPort, sweep: BusSweep, heard: dict[int, str], say: Progress) -> None:
    kinds = _upload(
        port,
        CANOPEN_NODES,
        (0x1000, 0),
        lambda node: say(f"CANopen node {node}?", 0.5 + 0.5 * node / len(CANOPEN_NODES)),
    )
    sweep.motors += [
        _drive(port, node, heard.get(node, ""), kinds.get(node)) for node in sorted(kinds.keys() | heard.keys())
    ]


def _drive(port: CanPort, node: int, state: str, kind: int | None = None) -> FoundMotor:
    """Return a node that was heard or answered, with its identity as far as it tells."""
    if kind is None:
        return FoundMotor(family="cia402", motor_id=node, model="CANopen node", state=state)
    profile = kind & 0xFFFF
    what = "CiA 402 drive" if profile == DRIVE_PROFILE else f"CANopen node, profile {profile}"
    vendor, product, revision = (_upload(port, [node], (0x1018, index)).get(node) for index in (1, 2, 3))
    told = [f"{name} {value:#x}" for name, value in (("vendor", vendor), ("product", product)) if value is not None]
    return FoundMotor(
        family="cia402",
        motor_id=node,
        model=", ".join([what, *told]),
        firmware="" if revision is None else f"{revision >> 16}.{revision & 0xFFFF}",
        state=state,
    )


def _upload(
    port: CanPort, nodes: Iterable[int], place: tuple[int, int], say: Callable[[int], None] | None = None
) -> dict[int, int]:
    """Return one object of 4 bytes, at (index, subindex), of each node that answers and has it."""

    def answers(node: int, frame: CanFrame) -> int | None:
        if frame.can_id != ANSWER_ID + node or len(frame.data) != _SDO.size:
            return None
        command, index, subindex, value = _SDO.unpack(frame.data)
        return value if (command, index, subindex) == (_EXPEDITED, *place) else None

    question = _SDO.pack(_UPLOAD, *place, 0)
    return ask_each(port, {node: CanFrame(QUESTION_ID + node, question) for node in nodes}, answers, say)
