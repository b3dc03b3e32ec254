"""The half-duplex bus that emulated servos hang on: bytes in, bytes out with the instant their last bit would be on the wire.

The wire is that of sim/serial/bus.py; each servo waits its return delay before it answers. A servo that is set to another
rate hears nothing; a packet with a wrong checksum is met with silence.

Undocumented, and so decided here: a request begun and not continued for 5 ms is forgotten; in a sync read, servos after one
that is missing answer in its stead at once; a broadcast ping is answered by everybody in the order of the bus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.feetech.protocol import BROADCAST_ID, Instruction, Packet, PacketParser, build_packet
from drivers.feetech.registers import GOAL_POSITION
from sim.feetech.emulator import EmulatedServo
from sim.feetech.goal_tape import GoalTape
from sim.serial.bus import Reply
from sim.serial.servo_line import ServoLine


class ServoBus(ServoLine[EmulatedServo, PacketParser]):
    """Servos on one wire; not for more than one thread."""

    def __init__(self, servos: Sequence[EmulatedServo], baud_hz: int = 1_000_000) -> None:
        super().__init__(servos, baud_hz, PacketParser())
        self.tape: GoalTape | None = None  # what the servos were told to do, and when, while one runs
        self._singles: dict[int, Callable[[EmulatedServo, bytes], bytes | None]] = {
            Instruction.PING: lambda _servo, _data: b"",
            Instruction.READ: _read,
            Instruction.WRITE: _write,
            Instruction.REG_WRITE: _reg_write,
            Instruction.ACTION: lambda servo, _data: servo.action(),
            Instruction.FACTORY_RESET: lambda servo, _data: servo.factory_reset(),
            Instruction.REBOOT: lambda servo, _data: servo.power_on(),
            Instruction.RESET_TURNS: lambda _servo, _data: None,  # a single turn has none
            Instruction.RECALIBRATE: _recalibrate,
        }

    def handle(self, data: bytes, t_now_ns: int) -> list[Reply]:
        """Put the host's bytes on the wire at `t_now_ns`, and return what comes back."""
        self._forget_old(t_now_ns)
        replies = self._wire.ask(data, t_now_ns)
        for packet in self._parser.feed(data):
            replies += self._execute(packet)
        return replies

    def _execute(self, packet: Packet) -> list[Reply]:
        listening = {servo.servo_id: servo for servo in self.servos if self._hears(servo)}
        if packet.code == Instruction.SYNC_READ and packet.servo_id == BROADCAST_ID:
            return self._sync_read(packet.parameters, listening)
        if packet.code == Instruction.SYNC_WRITE and packet.servo_id == BROADCAST_ID:
            self._sync_write(packet.parameters, listening)
            return []
        action = self._singles.get(packet.code)
        if action is None:
            return []
        if packet.servo_id == BROADCAST_ID:
            return self._broadcast(packet, action, list(listening.values()))
        servo = listening.get(packet.servo_id)
        if servo is None:
            return []
        servo.advance(self._wire.t_free_ns)
        error = servo.measure()
        answer = action(servo, packet.parameters)
        answered = servo.answers_writes or packet.code in {Instruction.PING, Instruction.READ}
        return self._reply(servo, packet.servo_id, error, answer or b"") if answered else []

    def _broadcast(
        self, packet: Packet, action: Callable[[EmulatedServo, bytes], bytes | None], servos: list[EmulatedServo]
    ) -> list[Reply]:
        if packet.code == Instruction.PING:
            return [reply for servo in servos for reply in self._reply(servo, servo.servo_id, servo.measure(), b"")]
        if packet.code != Instruction.READ:  # two dozen servos reading out their memory at once say nothing
            for servo in servos:
                servo.advance(self._wire.t_free_ns)
                action(servo, packet.parameters)
        return []

    def _sync_read(self, parameters: bytes, listening: dict[int, EmulatedServo]) -> list[Reply]:
        if len(parameters) < 3:
            return []
        address, count, *servo_ids = parameters
        replies: list[Reply] = []
        for servo_id in servo_ids:
            servo = listening.get(servo_id)
            if servo is not None:
                servo.advance(self._wire.t_free_ns)
                error = servo.measure()
                replies += self._reply(servo, servo_id, error, servo.read(address, count))
        return replies

    def _sync_write(self, parameters: bytes, listening: dict[int, EmulatedServo]) -> None:
        if len(parameters) < 2:
            return
        address, count = parameters[:2]
        for start in range(2, len(parameters) - count, count + 1):
            servo = listening.get(parameters[start])
            if servo is not None:
                servo.advance(self._wire.t_free_ns)
                servo.write(address, parameters[start + 1 : start + 1 + count])
        if self.tape is not None and address == GOAL_POSITION.address:
            self.tape.put(self._wire.t_free_ns, [servo.get(GOAL_POSITION) for servo in self.servos])

    def _reply(self, servo: EmulatedServo, servo_id: int, error: int, answer: bytes) -> list[Reply]:
        """Put one answer on the wire; `servo_id` is who was asked, also where that was just changed."""
        return self._wire.answer(build_packet(servo_id, error, answer), servo.return_delay_ns)

    def _hears(self, servo: EmulatedServo) -> bool:
        return servo.baud_hz == self._wire.baud_hz and servo.servo_id not in self.faults.silent_ids


def _read(servo: EmulatedServo, parameters: bytes) -> bytes:
    return servo.read(*parameters[:2]) if len(parameters) >= 2 else b""


def _write(servo: EmulatedServo, parameters: bytes) -> None:
    servo.write(parameters[0] if parameters else 0, parameters[1:])


def _reg_write(servo: EmulatedServo, parameters: bytes) -> None:
    if parameters:
        servo.reg_write(parameters[0], parameters[1:])


def _recalibrate(servo: EmulatedServo, parameters: bytes) -> None:
    if len(parameters) >= 2:
        servo.recalibrate(int.from_bytes(parameters[:2], "little"))
    else:
        servo.recalibrate()
