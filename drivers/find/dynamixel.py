"""How Dynamixel servos of Protocol 2.0 are found: their pings, and what those of the X series tell of themselves."""

from __future__ import annotations

from drivers.dynamixel import protocol, registers
from drivers.dynamixel.parser import PacketParser
from drivers.dynamixel.protocol import BROADCAST_ID, SERVO_ID_MAX, STATUS_BYTES, STATUS_CODE, describe_error
from drivers.dynamixel.registers import BAUD_HZ_BY_CODE, FEEDBACK_END, MODELS, Register, hardware_error_names
from drivers.find.servos import ATTEMPTS, FamilyName, FoundServo, ServoLine

FACTORY_BAUD_HZ = (57_600, 1_000_000)  # of single servos, and of most arms as delivered
_PING_ANSWER = 3  # model number (2), firmware


class DynamixelFamily:
    """Servos of Protocol 2.0; the ServoFamily of drivers/find/servos.py."""

    name: FamilyName = "dynamixel"
    label = "Dynamixel"
    baud_rates_hz = (*FACTORY_BAUD_HZ, *(rate for rate in BAUD_HZ_BY_CODE if rate not in FACTORY_BAUD_HZ))
    ids = range(SERVO_ID_MAX + 1)
    everybody = BROADCAST_ID
    ping_answer_bytes = STATUS_BYTES + _PING_ANSWER

    def ping(self, servo_id: int) -> bytes:
        """Return the question whether a servo is there."""
        return protocol.ping(servo_id)

    def pinged(self, received: bytes) -> list[int]:
        """Return who answered a ping."""
        packets = PacketParser(_PING_ANSWER).feed(received)
        return [packet.servo_id for packet in packets if packet.instruction == STATUS_CODE]

    def describe(self, line: ServoLine, servo_id: int) -> FoundServo | None:
        """Return all about one servo; None where it does not answer any more."""
        told = _ask(line, servo_id, protocol.ping(servo_id), _PING_ANSWER)
        if told is None:
            return None
        number, firmware = int.from_bytes(told[0][:2], "little"), str(told[0][2])
        read = read_memory(line, servo_id, 0, FEEDBACK_END) if number in MODELS else None
        if read is None:
            name = MODELS[number].name if number in MODELS else f"model {number}"
            return FoundServo(
                family="dynamixel", baud_hz=line.baud_hz, servo_id=servo_id, model=name, known=False, firmware=firmware
            )
        memory, error = read

        def value(register: Register) -> int:
            return register.decode(memory)

        alert = hardware_error_names(value(registers.HARDWARE_ERROR))
        return FoundServo(
            family="dynamixel",
            baud_hz=line.baud_hz,
            servo_id=servo_id,
            model=MODELS[number].name,
            known=True,
            firmware=firmware,
            encoder_ticks=value(registers.PRESENT_POSITION) - value(registers.HOMING_OFFSET),
            position_ticks=value(registers.PRESENT_POSITION),
            voltage_v=round(value(registers.PRESENT_VOLTAGE) * registers.VOLT_PER_COUNT, 1),
            temperature_degc=value(registers.PRESENT_TEMPERATURE),
            torque=value(registers.TORQUE_ENABLE) == 1,
            trouble=alert or describe_error(error),
        )


def read_memory(line: ServoLine, servo_id: int, address: int, count: int) -> tuple[bytes, int] | None:
    """Return `count` bytes of a servo's memory, and its error byte; None where it does not answer."""
    return _ask(line, servo_id, protocol.read(servo_id, address, count), count)


def _ask(line: ServoLine, servo_id: int, request: bytes, count: int) -> tuple[bytes, int] | None:
    for _ in range(ATTEMPTS):
        parser = PacketParser(count)
        packets = parser.feed(line.ask(request, STATUS_BYTES + count))
        if not packets and parser.n_missing:  # stuffing made it longer
            packets = parser.feed(line.more(parser.n_missing))
        for packet in packets:
            if packet.servo_id == servo_id:
                return packet.parameters, packet.error
    return None
