"""The udev rules: lines that udev understands, the devices that the drivers know, and nothing for everybody."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from drivers.realsense.models import MODELS
from drivers.serial.adapters import CHIPS
from provision.__main__ import main as provision
from tests.provision.unit_reading import rules

# udev(7), version 249. The value: which operators a key takes.
COMPARED = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "KERNEL", "KERNELS", "DRIVER", "DRIVERS", "ATTRS", "TEST"}
ASSIGNED = {"GROUP", "MODE", "SYMLINK", "TAG", "LABEL", "GOTO", "OWNER", "NAME", "OPTIONS"}
BOTH = {"ENV", "ATTR"}


@pytest.fixture
def rule_file(units: Path) -> Path:
    return units / "70-forerun.rules"


def test_each_line_is_a_rule(rule_file: Path, tmp_path: Path, robot_file: Path) -> None:
    assert provision([str(robot_file), "--root", str(tmp_path)]) == 0
    texts = [rule_file.read_text(encoding="utf-8"), *(path.read_text() for path in tmp_path.glob("etc/udev/rules.d/*"))]
    for rule in (rule for text in texts for rule in rules(text)):
        compared = [key for key, _, operator, _ in rule if operator in {"==", "!="}]
        assigned = [key for key, _, operator, _ in rule if operator not in {"==", "!="}]
        assert set(compared) <= COMPARED | BOTH, rule
        assert set(assigned) <= ASSIGNED | BOTH, rule
        assert assigned, rule
        for key, attribute, _, _ in rule:
            assert bool(attribute) == (key in {"ENV", "ATTR", "ATTRS"}), rule


def test_jumps_lead_somewhere(rule_file: Path) -> None:
    items = [item for rule in rules(rule_file.read_text(encoding="utf-8")) for item in rule]
    assert {value for key, _, _, value in items if key == "GOTO"} == {
        value for key, _, _, value in items if key == "LABEL"
    }


def test_udev_finds_no_fault(rule_file: Path) -> None:
    udevadm = shutil.which("udevadm")
    help_text = (
        subprocess.run([udevadm, "--help"], check=True, capture_output=True, text=True).stdout if udevadm else ""
    )
    if udevadm is None or "verify" not in help_text:
        pytest.skip("udevadm verify is not on this machine; systemd 254 has it")
    done = subprocess.run([udevadm, "verify", str(rule_file)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nothing_is_for_everybody(rule_file: Path) -> None:
    modes = [
        value for rule in rules(rule_file.read_text(encoding="utf-8")) for key, _, _, value in rule if key == "MODE"
    ]
    assert modes
    assert set(modes) == {"0660"}


def test_devices_that_are_there_before_the_rules_get_them_too(rule_file: Path) -> None:
    # At installation, adapters that are plugged in already are only told of a change.
    said = rules(rule_file.read_text(encoding="utf-8"))
    assert {(operator, value) for rule in said for key, _, operator, value in rule if key == "ACTION"} == {
        ("==", "remove")
    }


def test_every_camera_that_the_driver_knows(rule_file: Path) -> None:
    opened: set[str] = set()
    for rule in rules(rule_file.read_text(encoding="utf-8")):
        if ("ATTR", "idVendor", "==", "8086") in rule and ("SUBSYSTEM", "", "==", "usb") in rule:
            opened |= {product for _, name, _, value in rule if name == "idProduct" for product in value.split("|")}
    assert {model.usb_product.lower() for model in MODELS} <= opened


def test_modem_manager_leaves_every_adapter_that_we_know(rule_file: Path) -> None:
    left: set[str] = set()
    for rule in rules(rule_file.read_text(encoding="utf-8")):
        if ("ENV", "ID_MM_DEVICE_IGNORE", "=", "1") in rule:
            named = {name: value.split("|") for _, name, operator, value in rule if operator == "=="}
            left |= {f"{vendor}:{product}" for vendor in named["idVendor"] for product in named.get("idProduct", ["*"])}
    for usb_id in CHIPS:
        assert usb_id in left or f"{usb_id.partition(':')[0]}:*" in left, usb_id
