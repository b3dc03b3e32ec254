"""The emulated axis, driven by somebody else: frames that cantools encodes from ODrive's message file, and the driver odrive-can.

odrive-can's own mock axis is no use the other way round: it answers every question with zeros.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

import can
import cantools.database
import pytest
from odrive_can.odrive import ODriveCAN
from odrive_can.utils import get_dbc_path

from drivers.can.port import CanFrame
from drivers.odrive.protocol import AxisError, AxisState, Command, message_id
from sim.feetech.bus_process import RigidActuators
from sim.odrive.emulator import EmulatedAxis

NODE_ID = 3
MS = 1_000_000
FILE: Any = cantools.database.load_file(get_dbc_path("odrive-cansimple-0.6.10"))


class Bench:
    """One axis, and a host that speaks by the message file."""

    def __init__(self) -> None:
        self.motors = RigidActuators(1)
        self.axis = EmulatedAxis(NODE_ID, 0, self.motors)
        self.t_ns = 10**9
        self.axis.advance(self.t_ns)

    def tell(self, name: str, **values: object) -> None:
        message = FILE.get_message_by_name(f"Axis{NODE_ID}_{name}")
        data = bytes(message.encode(values, strict=False))
        assert self.axis.hear(CanFrame(message.frame_id, data), self.t_ns) == []

    def ask(self, name: str) -> dict[str, Any]:
        message = FILE.get_message_by_name(f"Axis{NODE_ID}_{name}")
        (answer,) = self.axis.hear(CanFrame(message.frame_id, remote=True), self.t_ns)
        assert answer.can_id == message.frame_id
        return message.decode(answer.data)

    def heartbeat(self) -> dict[str, Any]:
        self.t_ns += 100 * MS
        (frame,) = self.axis.advance(self.t_ns)
        return FILE.decode_message(frame.can_id, frame.data)

    def close_loop(self) -> None:
        self.tell("Set_Axis_State", Axis_Requested_State="CLOSED_LOOP_CONTROL")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_fresh_axis_idles_and_says_so(bench: Bench) -> None:
    heartbeat = bench.heartbeat()
    assert heartbeat["Axis_State"] == "IDLE"
    assert heartbeat["Axis_Error"] == "NONE"
    assert bench.ask("Get_Version")["Fw_Version_Minor"] == 6
    assert bench.ask("Get_Bus_Voltage_Current")["Bus_Voltage"] == 24.0
    assert bench.ask("Get_Temperature")["FET_Temperature"] == 25.0
    assert math.isnan(bench.ask("Get_Temperature")["Motor_Temperature"])


def test_targets_move_it_once_the_loop_is_closed(bench: Bench) -> None:
    bench.tell("Set_Input_Pos", Input_Pos=0.5, Vel_FF=0, Torque_FF=0)
    assert bench.ask("Get_Encoder_Estimates")["Pos_Estimate"] == 0
    bench.close_loop()
    assert bench.heartbeat()["Axis_State"] == "CLOSED_LOOP_CONTROL"
    assert bench.motors.torque == [True]
    assert bench.ask("Get_Encoder_Estimates")["Pos_Estimate"] == 0.5
    bench.tell("Set_Axis_State", Axis_Requested_State="IDLE")
    bench.tell("Set_Input_Pos", Input_Pos=1.5, Vel_FF=0, Torque_FF=0)
    assert bench.motors.torque == [False]
    assert bench.motors.positions_rad == pytest.approx([math.pi])


def test_in_another_mode_positions_move_nothing(bench: Bench) -> None:
    bench.tell("Set_Controller_Mode", Control_Mode="VELOCITY_CONTROL", Input_Mode="PASSTHROUGH")
    bench.close_loop()
    bench.tell("Set_Input_Pos", Input_Pos=0.5, Vel_FF=0, Torque_FF=0)
    assert bench.motors.positions_rad == [0.0]


def test_limits_reach_the_motor_and_go_with_the_power(bench: Bench) -> None:
    bench.tell("Set_Limits", Velocity_Limit=3.0, Current_Limit=4.0)
    assert bench.motors.effort_limit_ratio == pytest.approx([0.4])
    assert bench.axis.velocity_limit_turns_s == 3.0
    bench.axis.power_on()
    assert bench.motors.effort_limit_ratio == [1.0]


def test_an_error_lets_go_until_it_is_cleared(bench: Bench) -> None:
    bench.close_loop()
    bench.tell("Estop")
    assert bench.motors.torque == [False]
    assert bench.heartbeat()["Axis_Error"] == "ESTOP_REQUESTED"
    assert bench.ask("Get_Error")["Active_Errors"] == "ESTOP_REQUESTED"
    bench.close_loop()
    assert bench.motors.torque == [False]
    bench.tell("Clear_Errors", Identify=0)
    bench.close_loop()
    assert bench.motors.torque == [True]


def test_a_fault_that_lasts_cannot_be_cleared(bench: Bench) -> None:
    bench.axis.inverter_degc = 120.0
    assert bench.heartbeat()["Axis_Error"] == "INVERTER_OVER_TEMP"
    bench.tell("Clear_Errors", Identify=0)
    assert bench.heartbeat()["Axis_Error"] == "INVERTER_OVER_TEMP"


def test_a_watchdog_that_nobody_feeds_lets_go(bench: Bench) -> None:
    bench.axis.watchdog_ns = 250 * MS
    bench.close_loop()
    for _ in range(5):
        bench.tell("Set_Input_Pos", Input_Pos=0, Vel_FF=0, Torque_FF=0)
        assert bench.heartbeat()["Axis_Error"] == "NONE"
    for _ in range(3):
        bench.ask("Get_Encoder_Estimates")  # feeds nothing in this firmware
        bench.heartbeat()
    assert bench.axis.errors == AxisError.WATCHDOG_TIMER_EXPIRED
    assert bench.motors.torque == [False]


def test_estimates_come_unasked_where_that_is_set(bench: Bench) -> None:
    bench.axis.estimates_period_ns = 10 * MS
    bench.t_ns += 10 * MS
    (frame,) = bench.axis.advance(bench.t_ns)
    assert frame.can_id == message_id(NODE_ID, Command.ESTIMATES)


@pytest.mark.parametrize(
    "frame",
    [
        CanFrame(message_id(NODE_ID, Command.SET_AXIS_STATE), b"\x08\x00"),
        CanFrame(message_id(NODE_ID, Command.SET_AXIS_STATE), b"\x08\x00\x00\x00", extended=True),
        CanFrame(message_id(4, Command.SET_AXIS_STATE), b"\x08\x00\x00\x00"),
        CanFrame(message_id(NODE_ID, 0x1F), b""),
    ],
)
def test_what_is_no_order_changes_nothing(bench: Bench, frame: CanFrame) -> None:
    assert bench.axis.hear(frame, bench.t_ns) == []
    assert bench.axis.state == AxisState.IDLE


def test_the_driver_odrive_can_moves_it(bench: Bench) -> None:
    channel = "odrive-referee"
    with can.Bus(channel, interface="virtual") as ours, can.Bus(channel, interface="virtual") as theirs:
        asyncio.run(drive_with_odrive_can(bench, ours, theirs))
    assert bench.motors.torque == [False]


async def drive_with_odrive_can(bench: Bench, ours: can.BusABC, theirs: can.BusABC) -> None:
    serving = asyncio.create_task(serve(bench, ours))
    driver = ODriveCAN(NODE_ID, theirs)
    await driver.start()
    driver.set_controller_mode("POSITION_CONTROL", "PASSTHROUGH")
    driver.set_input_pos(1.25)
    await driver.set_axis_state("CLOSED_LOOP_CONTROL")
    driver.check_errors()
    assert bench.motors.torque == [True]
    assert (await driver.get_encoder_estimates())["Pos_Estimate"] == 1.25
    assert (await driver.get_bus_voltage_current())["Bus_Voltage"] == 24.0
    driver.stop()  # tells the axis to idle
    while bench.axis.state != AxisState.IDLE:
        await asyncio.sleep(0.001)
    serving.cancel()


async def serve(bench: Bench, bus: can.BusABC) -> None:
    """Let the axis hear and say what is due; its time runs faster than ours, so that no heartbeat is waited for."""
    while True:
        frames = bench.axis.advance(bench.t_ns)
        message = bus.recv(0)
        if message is not None:
            frame = CanFrame(message.arbitration_id, bytes(message.data), remote=message.is_remote_frame)
            frames += bench.axis.hear(frame, bench.t_ns)
        for frame in frames:
            bus.send(can.Message(arbitration_id=frame.can_id, data=frame.data, is_extended_id=False))
        bench.t_ns += 10 * MS
        await asyncio.sleep(0.001)
