"""`forerun devices` on real SocketCAN: interfaces as the kernel lists them, and the motors behind them. Run by uml_can.py."""

from __future__ import annotations

import pytest

from drivers.find import can_motors as find_can_motors
from drivers.find import can_questions as find_can_questions
from drivers.find.can import find_interfaces
from drivers.find.everything import Findings, Search, find_everything
from forerun.__main__ import main
from sim.can.bus_process import CanBusProcess
from tests.machines.can_interface import command, virtual_interface

PATIENT_NS = 2_000_000_000


def found(port: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    monkeypatch.setattr(find_can_questions, "ANSWER_NS", PATIENT_NS)
    for ids in ("DAMIAO_IDS", "ROBSTRIDE_IDS", "CANOPEN_NODES"):
        monkeypatch.setattr(find_can_motors, ids, range(1, 9))
    findings = Findings()
    find_everything(Search(port=port, cameras=False), lambda _what, _share: None, findings)
    assert findings.skipped == []
    return [(motor.family, motor.motor_id) for motor in findings.buses[0].sweep.motors]


def test_interfaces_are_listed_as_they_are() -> None:
    with virtual_interface("vcan0"), virtual_interface("vcan1"):
        command("ip link set vcan1 down")
        vcan0, vcan1 = find_interfaces()
    assert (vcan0.name, vcan0.driver, vcan0.up, vcan0.bitrate_hz, vcan0.trouble) == ("vcan0", "vcan", True, None, "")
    assert not vcan1.up
    assert vcan1.trouble == "down: ip link set vcan1 up"


@pytest.mark.parametrize(
    ("nodes", "motors"),
    [
        ("yam-rigid", [("damiao", motor_id) for motor_id in range(1, 8)]),
        ("cia402:2", [("cia402", 1), ("cia402", 2)]),
        ("odrive:2", [("odrive", 0), ("odrive", 1)]),
    ],
)
def test_motors_are_found(nodes: str, motors: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    with virtual_interface("vcan0"), CanBusProcess("can:vcan0", nodes):
        assert found("vcan0", monkeypatch) == motors


def test_an_interface_that_is_down_is_said_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with virtual_interface("vcan0"):
        command("ip link set vcan0 down")
        assert main(["devices", "--port", "vcan0"]) == 1
    assert "vcan0: down: ip link set vcan0 up" in capsys.readouterr().out
