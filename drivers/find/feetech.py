"""How Feetech servos are found: their pings, and what those of the STS and SMS series tell of themselves.

These answer a call to all one after the other, as LeRobot's scan relies on; the SCS series is not known to.
"""

from __future__ import annotations

from drivers.feetech import protocol, registers
from drivers.feetech.models import MODELS, OTHER_MODELS
from drivers.feetech.protocol import BROADCAST_ID, OVERHEAD_BYTES, SERVO_ID_MAX, PacketParser, fault_names
from drivers.feetech.registers import BAUD_HZ_BY_CODE, EEPROM_BYTES, TICKS_PER_TURN, Register
from drivers.find.servos import ATTEMPTS, FamilyName, FoundServo, ServoLine

LEROBOT_SLOWEST_HZ = 19_200  # by LeRobot's table, where the vendor's has 38400
_STATE = range(registers.TORQUE_ENABLE.address, registers.PRESENT_TEMPERATURE.address + 1)


class FeetechFamily:
    """The STS and SMS series; the ServoFamily of drivers/find/servos.py."""

    name: FamilyName = "feetech"
    label = "Feetech"
    baud_rates_hz = (*BAUD_HZ_BY_CODE, LEROBOT_SLOWEST_HZ)
    ids = range(SERVO_ID_MAX + 1)
    everybody = BROADCAST_ID
    ping_answer_bytes = OVERHEAD_BYTES

    def ping(self, servo_id: int) -> bytes:
        """Return the question whether a servo is there."""
        return protocol.ping(servo_id)

    def pinged(self, received: bytes) -> list[int]:
        """Return who answered a ping."""
        return [packet.servo_id for packet in PacketParser(0).feed(received) if packet.servo_id != BROADCAST_ID]

    def describe(self, line: ServoLine, servo_id: int) -> FoundServo | None:
        """Return all about one servo; None where it does not answer any more."""
        told = read_memory(line, servo_id, 0, EEPROM_BYTES)
        if told is None:
            return None
        eeprom, _ = told
        number = registers.MODEL_NUMBER.decode(eeprom)
        state = read_memory(line, servo_id, _STATE.start, len(_STATE)) if number in MODELS else None
        name = MODELS[number].name if number in MODELS else OTHER_MODELS.get(number, (f"model {number}",))[0]
        firmware = f"{eeprom[0]}.{eeprom[1]}"
        if state is None:
            return FoundServo(
                family="feetech", baud_hz=line.baud_hz, servo_id=servo_id, model=name, known=False, firmware=firmware
            )
        memory, faults = state

        def value(register: Register) -> int:
            return register.decode(memory, _STATE.start)

        position = value(registers.PRESENT_POSITION)
        return FoundServo(
            family="feetech",
            baud_hz=line.baud_hz,
            servo_id=servo_id,
            model=name,
            known=True,
            firmware=firmware,
            encoder_ticks=(position + registers.HOMING_OFFSET.decode(eeprom)) % TICKS_PER_TURN,
            position_ticks=position,
            voltage_v=round(value(registers.PRESENT_VOLTAGE) * registers.VOLT_PER_COUNT, 1),
            temperature_degc=value(registers.PRESENT_TEMPERATURE),
            torque=value(registers.TORQUE_ENABLE) == 1,
            trouble=fault_names(faults),
        )


def read_memory(line: ServoLine, servo_id: int, address: int, count: int) -> tuple[bytes, int] | None:
    """Return `count` bytes of a servo's memory, and its error byte; None where it does not answer."""
    for _ in range(ATTEMPTS):
        received = line.ask(protocol.read(servo_id, address, count), OVERHEAD_BYTES + count)
        for packet in PacketParser(count).feed(received):
            if packet.servo_id == servo_id:
                return packet.parameters, packet.code
    return None
