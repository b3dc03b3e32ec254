"""Single requests on a virtual clock; and the driver against emulated servos of another process, on a real port."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.dynamixel import koch_arm
from drivers.dynamixel import registers
from drivers.dynamixel.arm import DynamixelArm
from drivers.dynamixel.bus import DynamixelBus, check_kept
from drivers.dynamixel.registers import RAD_PER_TICK
from drivers.open_devices import open_arm
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.bus_process import BAUD_HZ, DynamixelBusProcess, koch_servos
from sim.feetech.bus_process import RigidActuators
from sim.serial.lockstep import LockstepSerial

MS = 1_000_000
NAMES = {1: "shoulder_pan", 2: "shoulder_lift", 3: "elbow_flex"}
POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])
# FF FF FD FF in the servo's memory: what a header begins with.
LIKE_A_HEADER = -131_073


class Bench:
    """A bus of servos on a virtual clock."""

    def __init__(self) -> None:
        self.servos = DynamixelServoBus(koch_servos(RigidActuators(6)), BAUD_HZ)
        self.port = LockstepSerial(self.servos, lambda: 10**9)
        self.bus = DynamixelBus(self.port, "dynamixel-bus", BAUD_HZ, NAMES)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("echo", [False, True])
def test_servos_tell_model_and_firmware(bench: Bench, echo: bool) -> None:  # noqa: FBT001
    bench.servos.faults.echo = echo
    assert [bench.bus.probe(servo_id) for servo_id in NAMES] == [(1060, 50), (1060, 50), (1200, 50)]
    bench.servos.faults.silent_ids.add(2)
    assert bench.bus.probe(2) is None


@pytest.mark.parametrize("echo", [False, True])
def test_values_like_a_header_go_both_ways(bench: Bench, echo: bool) -> None:  # noqa: FBT001
    bench.servos.faults.echo = echo
    bench.bus.probe(1)
    bench.bus.write(1, registers.HOMING_OFFSET, LIKE_A_HEADER)
    assert bench.servos.servos[0].get(registers.HOMING_OFFSET) == LIKE_A_HEADER
    assert bench.bus.read(1, 20, 4) == b"\xff\xff\xfd\xff"
    check_kept(bench.bus, 1, registers.HOMING_OFFSET, LIKE_A_HEADER)


def test_a_refusal_is_told_with_its_reason(bench: Bench) -> None:
    bench.bus.write(1, registers.TORQUE_ENABLE, 1)
    with pytest.raises(
        DeviceError, match=r"servo 1 \(shoulder_pan\) on dynamixel-bus, writing 0 to 9: error 7, .* EEPROM"
    ):
        bench.bus.write(1, registers.RETURN_DELAY, 0)
    with pytest.raises(DeviceError, match=r"writing 5000 to 116: error 6, value beyond a limit"):
        bench.bus.write(1, registers.GOAL_POSITION, 5000)


def test_what_was_not_kept_is_noticed(bench: Bench) -> None:
    with pytest.raises(DeviceError, match="register 64 was set to 1 and reads 0"):
        check_kept(bench.bus, 1, registers.TORQUE_ENABLE, 1)


@pytest.mark.parametrize("fault", ["n_drop", "n_corrupt", "n_cut"])
def test_single_requests_are_repeated(bench: Bench, fault: str) -> None:
    setattr(bench.servos.faults, fault, 2)
    bench.bus.write(1, registers.LED, 1)
    setattr(bench.servos.faults, fault, 3)
    with pytest.raises(BusTimeoutError, match=r"servo 1 .*: no answer in 3 attempts"):
        bench.bus.write(1, registers.LED, 0)


def test_a_request_that_came_damaged_is_repeated(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    handle, spoilt = bench.servos.handle, [2]

    def damage(data: bytes, t_now_ns: int) -> list[object]:
        spoilt[0] -= 1
        return list(handle(data if spoilt[0] < 0 else data[:-1] + bytes((data[-1] ^ 1,)), t_now_ns))

    monkeypatch.setattr(bench.servos, "handle", damage)
    bench.bus.write(1, registers.LED, 1)
    assert bench.servos.servos[0].get(registers.LED) == 1
    assert spoilt[0] == -1  # two attempts were answered with a crc error, the third was done


def test_a_late_acknowledgement_is_not_taken_for_that_of_the_next_write(bench: Bench) -> None:
    bench.servos.faults.delay_ns = (
        45 * MS
    )  # later than a request waits: the second attempt meets the answer to the first
    bench.bus.write(1, registers.LED, 1)
    bench.servos.faults.delay_ns = 0
    bench.servos.faults.silent_ids.add(1)  # from now on it does not even hear us
    with pytest.raises(BusTimeoutError):
        bench.bus.write(1, registers.LED, 0)
    assert bench.servos.servos[0].get(registers.LED) == 1


def test_a_look_that_failed_is_not_repeated_while_its_answer_may_come(bench: Bench) -> None:
    assert bench.bus.peek(1, registers.LED) == 0
    bench.servos.faults.delay_ns = 45 * MS
    assert bench.bus.peek(1, registers.LED) is None
    bench.servos.faults.delay_ns = 0
    bench.bus.tell(b"")
    t_now_ns = bench.port.now_ns()
    assert bench.bus.peek(1, registers.LED) is None
    assert bench.port.now_ns() == t_now_ns  # not even asked
    assert bench.bus.read_register(1, registers.LED) == 0  # waits until all is quiet
    assert bench.bus.peek(1, registers.LED) == 0


# From here on a real port.


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamixelBusProcess]:
    with DynamixelBusProcess(tmp_path_factory.mktemp("bus") / "dynamixel-bus") as process:
        yield process


@pytest.fixture
def arm(emulator: DynamixelBusProcess) -> Iterator[DynamixelArm]:
    # The slowest command rate there may be, so that a busy machine does not look like a lost packet.
    arm = open_arm(replace(koch_arm(), port=str(emulator.path), rate_hz=2.0, motor_timeout_ms=0.0))
    assert isinstance(arm, DynamixelArm)
    arm.open()
    yield arm
    arm.close()


def test_the_real_port_carries_targets_and_state(arm: DynamixelArm) -> None:
    arm.hold()
    assert arm.exchange(POSE_RAD).position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    arm.release()


def test_a_lost_answer_is_a_timeout_and_the_next_cycle_is_fine(
    arm: DynamixelArm, emulator: DynamixelBusProcess
) -> None:
    arm.hold()
    emulator.tell("drop 12")  # all answers, and those to the second question
    with pytest.raises(BusTimeoutError, match="servo 1"):
        arm.exchange(POSE_RAD)
    assert arm.exchange(POSE_RAD).position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


def test_a_hardware_error_is_told(arm: DynamixelArm, emulator: DynamixelBusProcess) -> None:
    arm.hold()
    emulator.tell("fail 4 32")
    with pytest.raises(DeviceError, match=r"servo 4 \(wrist_flex\) .* hardware error, overload"):
        arm.exchange(POSE_RAD)
    emulator.tell("power")
    arm.hold()


def test_unplugging_is_told_and_replugging_works(arm: DynamixelArm, emulator: DynamixelBusProcess) -> None:
    arm.hold()
    emulator.tell("unplug")
    with pytest.raises(DeviceLostError, match="dynamixel-bus is gone"):
        arm.exchange(POSE_RAD)
    with pytest.raises(DeviceLostError, match="dynamixel-bus is not there"):
        arm.open()
    emulator.tell("plug")
    arm.open()
    arm.hold()
    arm.exchange(POSE_RAD)


def test_at_another_rate_nobody_answers(emulator: DynamixelBusProcess) -> None:
    arm = DynamixelArm(replace(koch_arm(), port=str(emulator.path), baud_hz=2_000_000))
    with pytest.raises(BusTimeoutError, match="no answer at 2000000 baud; 0 of 6 servos answer"):
        arm.open()
