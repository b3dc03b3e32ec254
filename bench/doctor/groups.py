"""The groups of checks, the most important first: each looks at one topic, and says why it has nothing to say where that is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.bundle_checks import bundle_checks
from bench.doctor.bundle_trial import ShelfFacts, chosen_folder, read_bundle, read_shelf_facts
from bench.doctor.can_checks import can_checks
from bench.doctor.can_interface import read_can
from bench.doctor.check import Check
from bench.doctor.clock import read_clock
from bench.doctor.clock_checks import clock_checks
from bench.doctor.disk import read_disk
from bench.doctor.disk_checks import disk_checks
from bench.doctor.installed_checks import installed_checks
from bench.doctor.installed_files import read_installed
from bench.doctor.loop_checks import wire_check
from bench.doctor.machine import read_machine
from bench.doctor.machine_checks import machine_checks
from bench.doctor.patient import Patient
from bench.doctor.power import read_power
from bench.doctor.power_checks import power_checks
from bench.doctor.record_checks import record_checks
from bench.doctor.rights import read_rights
from bench.doctor.rights_checks import needed_groups, rights_checks
from bench.doctor.robot_checks import file_check, running_checks, silence_check
from bench.doctor.serial_checks import serial_checks
from bench.doctor.serial_port import read_port
from bench.doctor.service import read_service
from bench.doctor.service_checks import service_checks
from bench.doctor.software import loaded_libraries, read_software
from bench.doctor.software_checks import software_checks
from bench.doctor.usb import SeenCameras, list_cameras, read_usb
from bench.doctor.usb_checks import usb_checks

_PRIORITY = 60  # of the robots that come along, where there is no robot file to say


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found, and what it left out because it is not here."""

    checks: list[Check]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """One group: a topic that is looked at on its own, beside the others."""

    name: str  # as --only takes it
    title: str
    at: Callable[[Patient], Seen]


def _robot(patient: Patient) -> Seen:
    robot = patient.robot
    found = [file_check(str(patient.robot_file), robot.name if robot else "", patient.robot_trouble)]
    if robot is None:
        return Seen(found)
    heard = patient.heard
    found += running_checks(heard.report, robot.arm) if heard.report else silence_check(heard)
    found += record_checks(patient.robot_file, robot, patient.now)
    return Seen(
        [*found, wire_check(robot.arm)], "" if heard.may_run else "the robot is not running: no state, no motors"
    )


def _service(patient: Patient) -> Seen:
    if not patient.is_installed:
        return Seen([], "no service installed")
    return Seen(service_checks(read_service(patient.ask)))


def _installed(patient: Patient) -> Seen:
    if not patient.is_installed:
        return Seen([], "nothing installed by install.sh")
    return Seen(installed_checks(read_installed(patient.installation)))


def _bundle(patient: Patient) -> Seen:
    robot = patient.robot
    if robot is None:
        return Seen([], "no bundle without a robot file")
    state = patient.installation.state
    shelf = read_shelf_facts(state) if state.is_dir() and patient.runs_from_shelf else ShelfFacts()
    folder = chosen_folder(shelf, state, patient.robot_file, robot)
    facts = read_bundle(patient.robot_file, folder, patient.ask_long, measure=not patient.heard.may_run)
    return Seen(bundle_checks(facts, shelf, robot.policy, jetson=patient.is_jetson))


def _can(patient: Patient) -> Seen:
    if not patient.can_name or patient.robot is None:
        return Seen([], "no arm on CAN")
    return Seen(can_checks(read_can(patient.can_name, patient.ask), patient.robot.arm))


def _serial(patient: Patient) -> Seen:
    if not patient.serial_port or patient.robot is None:
        return Seen([], "no arm on a serial port")
    return Seen(serial_checks(read_port(patient.serial_port, patient.root), patient.robot.arm))


def _usb(patient: Patient) -> Seen:
    cameras = patient.robot.cameras if patient.robot else ()
    facts = read_usb(patient.root)
    wanted = any(camera.driver == "realsense" for camera in cameras)
    attached = any(device.is_realsense for device in facts.devices)
    running = patient.heard.may_run
    # A camera in use is not to be asked: it has frames to deliver.
    seen = None if running else list_cameras(patient.ask) if wanted and attached else SeenCameras()
    checks = usb_checks(facts, seen, cameras, patient.root)
    return Seen(checks, "" if checks else "no camera or adapter on USB")


def _machine(patient: Patient) -> Seen:
    priority = patient.robot.runtime.realtime_priority if patient.robot else _PRIORITY
    return Seen(machine_checks(read_machine(patient.root), priority, installed=patient.is_installed))


def _rights(patient: Patient) -> Seen:
    robot = patient.robot
    needed = needed_groups(robot, serial=bool(patient.serial_port), jetson=patient.is_jetson) if robot else []
    priority = robot.runtime.realtime_priority if robot else _PRIORITY
    return Seen(rights_checks(read_rights(patient.root), needed, priority, installed=patient.is_installed))


def _power(patient: Patient) -> Seen:
    checks = power_checks(read_power(patient.root), jetson=patient.is_jetson)
    return Seen(checks, "" if patient.is_jetson else "no Jetson")


def _disk(patient: Patient) -> Seen:
    robot, there = patient.robot, patient.installation
    installed = patient.runs_from_shelf
    folder = there.state / "flight" if installed else patient.folder / (robot.record.folder if robot else "flight")
    bundles = there.bundles if installed else patient.robot_file.parent
    facts = read_disk(patient.root, folder, bundles)
    return Seen(disk_checks(facts, robot.record if robot else None, installed=installed))


def _clock(patient: Patient) -> Seen:
    return Seen(clock_checks(read_clock(patient.root, patient.now)))


def _software(patient: Patient) -> Seen:
    libraries = loaded_libraries(patient.ask) if patient.root == Path("/") else None
    return Seen(software_checks(read_software(patient.root), jetson=patient.is_jetson, libraries=libraries))


LOOKS = (
    Look("robot", "the robot", _robot),
    Look("service", "the service at boot", _service),
    Look("bundle", "the bundle, and how fast it is here", _bundle),
    Look("can", "the CAN bus", _can),
    Look("serial", "the serial port", _serial),
    Look("usb", "cameras and USB", _usb),
    Look("machine", "real time", _machine),
    Look("rights", "groups and limits", _rights),
    Look("power", "power, clocks and cooling", _power),
    Look("disk", "disks", _disk),
    Look("installed", "what is installed, and who may change it", _installed),
    Look("clock", "date and time", _clock),
    Look("software", "versions", _software),
)
