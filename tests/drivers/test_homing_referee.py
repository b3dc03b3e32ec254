"""The referee: homing offsets that we wrote over a real pty, read out by the vendors' own SDKs after the power was off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.arm_rigs.dynamixel import koch_arm
from bench.arm_rigs.feetech_bench import CONFIG
from drivers.open_homing import open_homing
from interfaces.arm_config import ArmConfig
from sim.dynamixel.bus_process import DynamixelBusProcess
from sim.feetech.bus_process import ServoBusProcess

OFFSETS = np.array([0, 1, -1, 1000, -1000, 513])
ATTEMPTS = 5  # the SDKs' time-outs are some ms of this machine's time, and the machine may be busy


def write_offsets(config: ArmConfig) -> None:
    homing = open_homing(config)
    assert homing is not None
    homing.open()
    homing.write_offsets(OFFSETS)
    homing.close()


def patiently(ask: Callable[[], tuple[int, int, int]]) -> int:
    """What an SDK's read returns: value, result, error."""
    answers = (ask() for _ in range(ATTEMPTS))
    return next(value for value, result, error in answers if result == 0 and error == 0)


def test_feetechs_sdk_reads_the_same(tmp_path: Path) -> None:
    sdk: Any = pytest.importorskip("scservo_sdk")
    path = tmp_path / "bus"
    with ServoBusProcess(path) as emulator:
        write_offsets(replace(CONFIG, port=str(path)))
        emulator.tell("power")
        port = sdk.PortHandler(str(path))
        assert port.setBaudRate(CONFIG.baud_hz)
        packets = sdk.PacketHandler(0)
        ids = range(1, 7)
        raw = [patiently(lambda i=i: packets.read2ByteTxRx(port, i, 31)) for i in ids]
        present = [patiently(lambda i=i: packets.read2ByteTxRx(port, i, 56)) for i in ids]
        locks = [patiently(lambda i=i: packets.read1ByteTxRx(port, i, 55)) for i in ids]
        limits = [patiently(lambda i=i: packets.read4ByteTxRx(port, i, 9)) for i in ids]
        port.closePort()
    assert [word & 0x7FF if word < 0x800 else -(word & 0x7FF) for word in raw] == OFFSETS.tolist()
    assert present == (2048 - OFFSETS).tolist()
    assert locks == [1] * 6
    assert limits == [4095 << 16] * 6


def test_dynamixels_sdk_reads_the_same(tmp_path: Path) -> None:
    sdk: Any = pytest.importorskip("dynamixel_sdk")
    path = tmp_path / "bus"
    with DynamixelBusProcess(path) as emulator:
        config = replace(koch_arm(), port=str(path))
        write_offsets(config)
        emulator.tell("power")
        port = sdk.PortHandler(str(path))
        assert port.setBaudRate(config.baud_hz)
        packets = sdk.PacketHandler(2.0)
        ids = [joint.servo_id for joint in config.joints]
        raw = [patiently(lambda i=i: packets.read4ByteTxRx(port, i, 20)) for i in ids]
        present = [patiently(lambda i=i: packets.read4ByteTxRx(port, i, 132)) for i in ids]
        port.closePort()
    assert [word - 2**32 if word >= 2**31 else word for word in raw] == OFFSETS.tolist()
    assert [word - 2**32 if word >= 2**31 else word for word in present] == (2048 + OFFSETS).tolist()
