"""Servos are found on emulated buses on a virtual clock: whatever their rate, with an echo, with answers lost; by questions alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.dynamixel import protocol as dynamixel_protocol
from drivers.dynamixel import registers as dynamixel_registers
from drivers.dynamixel.parser import PacketParser as DynamixelParser
from drivers.feetech import protocol as feetech_protocol
from drivers.feetech import registers
from drivers.feetech.protocol import PacketParser as FeetechParser
from drivers.find.dynamixel import DynamixelFamily
from drivers.find.feetech import FeetechFamily
from drivers.find.servos import FoundServo, Sweep, sweep_port
from interfaces.errors import DeviceError
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.bus_process import koch_servos
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators, rigid_servo_bus
from sim.serial.lockstep import LockstepSerial

FAMILIES = (FeetechFamily(), DynamixelFamily())


class Line(LockstepSerial):
    """A bus and a port on it that remembers what was sent, and at which rates it was opened."""

    def __init__(self, bus: ServoBus) -> None:
        super().__init__(bus, lambda: 0)
        self.bus = bus
        self.sent: list[bytes] = []
        self.rates_hz: list[int] = []
        self.refused_hz: set[int] = set()

    def open_port(self, path: str, baud_hz: int) -> Line:  # pyright: ignore[reportImplicitOverride]
        if baud_hz in self.refused_hz:
            raise DeviceError(f"{path} cannot be opened at {baud_hz} baud")
        self.rates_hz.append(baud_hz)
        super().open_port(path, baud_hz)
        return self

    def write(self, data: bytes) -> None:  # pyright: ignore[reportImplicitOverride]
        self.sent.append(data)
        super().write(data)

    def sweep(self, say: Callable[[str, float], None] = lambda _what, _share: None, *, thorough: bool = False) -> Sweep:
        return sweep_port("bus", FAMILIES, self.open_port, say, thorough=thorough)


@pytest.fixture
def line() -> Line:
    return Line(rigid_servo_bus())


def ids(sweep: Sweep) -> list[int]:
    return [servo.servo_id for servo in sweep.servos]


def test_every_servo_is_found_with_what_it_tells(line: Line) -> None:
    line.bus.servos[2].temperature_degc = 41.0
    line.bus.servos[2].save(registers.HOMING_OFFSET.address, registers.HOMING_OFFSET.encode(-100))
    sweep = line.sweep()
    assert sweep.complete
    assert ids(sweep) == [1, 2, 3, 4, 5, 6]
    assert sweep.servos[2] == FoundServo(
        family="feetech",
        baud_hz=1_000_000,
        servo_id=3,
        model="STS3215",
        known=True,
        firmware="3.10",
        encoder_ticks=2048,
        position_ticks=2148,
        voltage_v=12.0,
        temperature_degc=41,
        torque=False,
    )
    assert sweep.rates_hz["feetech"][0] == 1_000_000
    assert sweep.rates_hz["dynamixel"][0] == 57_600


def test_only_questions_are_sent(line: Line) -> None:
    before = [servo.read(0, 40) for servo in line.bus.servos]
    line.sweep(thorough=True)
    of_dynamixel = [data for data in line.sent if data.startswith(dynamixel_protocol.HEADER)]
    of_feetech = [data for data in line.sent if not data.startswith(dynamixel_protocol.HEADER)]
    asked = [packet.code for data in of_feetech for packet in FeetechParser().feed(data)]
    assert len(asked) == len(of_feetech) > 253 * 8
    assert set(asked) == {feetech_protocol.Instruction.PING, feetech_protocol.Instruction.READ}
    pinged = [packet.instruction for data in of_dynamixel for packet in DynamixelParser().feed(data)]
    assert len(pinged) == len(of_dynamixel) > 252 * 8
    assert set(pinged) == {dynamixel_protocol.Instruction.PING}
    assert [servo.read(0, 40) for servo in line.bus.servos] == before


@pytest.mark.parametrize("code", [1, 4, 7])
def test_servos_at_another_rate_are_found(line: Line, code: int) -> None:
    for servo in line.bus.servos[:2]:
        servo.save(registers.BAUD_CODE.address, bytes((code,)))
    sweep = line.sweep()
    assert ids(sweep) == [3, 4, 5, 6, 1, 2]
    assert {servo.baud_hz for servo in sweep.servos[4:]} == {registers.BAUD_HZ_BY_CODE[code]}


def test_an_adapter_that_echoes_hides_nobody(line: Line) -> None:
    line.bus.faults.echo = True
    assert ids(line.sweep()) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("echo", [False, True])
def test_a_servo_whose_answer_equals_its_ping_is_found(line: Line, echo: bool) -> None:  # noqa: FBT001
    """With the supply too weak, the error byte is 1, the code of a ping."""
    line.bus.faults.echo = echo
    for servo in line.bus.servos:
        servo.supply_v = 3.0
    line.bus.faults.n_drop = 6  # so that each is asked by itself
    sweep = line.sweep()
    assert ids(sweep) == [1, 2, 3, 4, 5, 6]
    assert {servo.trouble for servo in sweep.servos} == {"voltage"}


def test_answers_that_collided_are_asked_for_one_by_one(line: Line) -> None:
    line.bus.faults.n_corrupt = 4
    assert ids(line.sweep()) == [1, 2, 3, 4, 5, 6]


def test_servos_that_answer_no_call_to_all_are_found_by_their_ids(line: Line) -> None:
    line.bus.faults.n_drop = 6
    assert ids(line.sweep()) == [1, 2, 3, 4, 5, 6]


def test_thorough_finds_what_answers_no_call_at_a_rare_rate_and_id(line: Line) -> None:
    line.bus.servos[5].save(registers.SERVO_ID.address, b"\xc8")
    for servo in line.bus.servos:
        servo.save(registers.BAUD_CODE.address, b"\x03")

    def drop_calls(what: str, _share: float) -> None:
        line.bus.faults.n_drop = 6 if what.endswith("who is there?") else 0

    assert ids(line.sweep(drop_calls)) == []
    assert ids(line.sweep(drop_calls, thorough=True)) == [1, 2, 3, 4, 5, 200]


def test_an_empty_line_is_looked_at_to_the_end(line: Line) -> None:
    line.bus.servos.clear()
    sweep = line.sweep()
    assert sweep.servos == []
    assert sweep.complete
    assert len(line.rates_hz) == 9 + 8


def test_a_rate_that_the_adapter_has_not_is_left_out(line: Line) -> None:
    line.refused_hz = {128_000, 4_500_000}
    sweep = line.sweep()
    assert ids(sweep) == [1, 2, 3, 4, 5, 6]
    assert 128_000 not in sweep.rates_hz["feetech"]
    assert 4_500_000 not in sweep.rates_hz["dynamixel"]


def test_a_port_that_cannot_be_opened_is_an_error(line: Line) -> None:
    line.refused_hz = {1_000_000}
    with pytest.raises(DeviceError, match="cannot be opened"):
        line.sweep()


def test_what_was_found_before_an_interrupt_is_kept(line: Line) -> None:
    sweep = Sweep()

    def interrupt(what: str, _share: float) -> None:
        if what.startswith("Dynamixel"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep_port("bus", FAMILIES, line.open_port, interrupt, into=sweep)
    assert ids(sweep) == [1, 2, 3, 4, 5, 6]
    assert not sweep.complete


def test_progress_rises_to_the_end(line: Line) -> None:
    shares: list[float] = []
    line.sweep(lambda _what, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0


def test_a_servo_that_answers_pings_only_is_not_overlooked(line: Line) -> None:
    def silence_after_pings(what: str, _share: float) -> None:
        if "Feetech at 1000000 baud: id 253" in what:
            line.bus.faults.n_drop = 3

    first, second, *_ = line.sweep(silence_after_pings).servos
    assert (first.servo_id, first.model, first.trouble) == (1, "unknown", "answers pings only")
    assert (second.servo_id, second.model, second.trouble) == (2, "STS3215", "")


def test_a_model_that_is_not_known_is_shown_by_its_number(line: Line) -> None:
    line.bus.servos[0].save(registers.MODEL_NUMBER.address, (4321).to_bytes(2, "little"))
    line.bus.servos[1].save(registers.MODEL_NUMBER.address, (1284).to_bytes(2, "little"))
    first, second, *_ = line.sweep().servos
    assert (first.model, first.known, first.voltage_v) == ("model 4321", False, None)
    assert (second.model, second.known) == ("SCS0009", False)


def test_garbage_on_the_line_hides_nobody(line: Line) -> None:
    line.bus.faults.garbage = bytes.fromhex("00 ff fe 12 ff")
    assert ids(line.sweep()) == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def koch() -> DynamixelServoBus:
    return DynamixelServoBus(koch_servos(RigidActuators(6)))


def sweep_koch(koch: DynamixelServoBus, say: Callable[[str, float], None] = lambda _what, _share: None) -> Sweep:
    return sweep_port("bus", FAMILIES, LockstepSerial(koch, lambda: 0).open_port, say)


def test_dynamixel_servos_are_found_with_what_they_tell(koch: DynamixelServoBus) -> None:
    koch.servos[5].temperature_degc = 38.0
    koch.servos[5].save(dynamixel_registers.HOMING_OFFSET, 30)
    sweep = sweep_koch(koch)
    assert [(servo.servo_id, servo.model) for servo in sweep.servos] == [
        *((i, "XL430-W250") for i in (1, 2)),
        *((i, "XL330-M288") for i in (3, 4, 5, 6)),
    ]
    last = sweep.servos[5]
    assert (last.family, last.baud_hz, last.temperature_degc, last.torque) == ("dynamixel", 1_000_000, 38, False)
    assert (last.encoder_ticks, last.position_ticks) == (2048, 2078)
    assert last.voltage_v == pytest.approx(koch.servos[5].supply_v, abs=0.06)
    assert last.firmware.isdecimal()
    assert not last.trouble


def test_a_dynamixel_whose_answer_is_stuffed_is_understood(koch: DynamixelServoBus) -> None:
    koch.servos[0].save(dynamixel_registers.HOMING_OFFSET, -3)  # FD FF FF FF, and the next register is 0
    koch.servos[1].save(dynamixel_registers.HOMING_OFFSET, int.from_bytes(b"\x00\xff\xff\xfd", "little", signed=True))
    assert [servo.known for servo in sweep_koch(koch).servos] == [True] * 6


def test_a_dynamixel_that_shut_itself_down_says_why(koch: DynamixelServoBus) -> None:
    koch.servos[1].fail(dynamixel_registers.HardwareError.OVERLOAD)
    assert [servo.trouble for servo in sweep_koch(koch).servos] == ["", "overload", "", "", "", ""]


def test_dynamixel_servos_at_other_rates_and_behind_an_echo_are_found(koch: DynamixelServoBus) -> None:
    koch.faults.echo = True
    for servo, rate_hz in zip(koch.servos, dynamixel_registers.BAUD_HZ_BY_CODE, strict=False):
        servo.save(dynamixel_registers.BAUD_CODE, dynamixel_registers.BAUD_HZ_BY_CODE.index(rate_hz))
    found = {servo.servo_id: servo.baud_hz for servo in sweep_koch(koch).servos}
    assert found == {1: 9_600, 2: 57_600, 3: 115_200, 4: 1_000_000, 5: 2_000_000, 6: 3_000_000}


def test_dynamixel_answers_that_collided_are_asked_for_one_by_one(koch: DynamixelServoBus) -> None:
    koch.faults.n_corrupt = 6
    assert ids(sweep_koch(koch)) == [1, 2, 3, 4, 5, 6]
