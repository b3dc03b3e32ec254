"""The units are valid to systemd, closed enough, agree with interfaces/installed.py and their page, and run on systemd 249."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from interfaces.installed import (
    COMMAND_UNIT,
    PAGE_UNIT,
    POLICY_UNIT,
    RECORD_UNIT,
    SAFE_UNIT,
    SERVICE_USER,
    SERVICES,
    TARGET_UNIT,
    Installation,
)
from provision.__main__ import main as provision
from tests.provision.conftest import SYSTEM_UNITS
from tests.provision.unit_reading import ROOT, directives, unit_files, values

ALL_SERVICES = (*SERVICES, SAFE_UNIT, "forerun-gave-up@.service")
EXPOSURE_MAX = 25  # 2.5 of 10, as systemd-analyze takes it
# What later versions brought (systemd's NEWS, 250 to 257); JetPack 6 has 249, which only warns, and goes on without.
NEWER = {
    "RestrictFileSystems", "RestrictNetworkInterfaces", "SetCredentialEncrypted", "LoadCredentialEncrypted", "ExitType",
    "ExtensionDirectories", "StartupAllowedCPUs", "StartupAllowedMemoryNodes", "OpenFile", "MemoryZSwapMax", "RestartSteps",
    "LogFilterPatterns", "RestartMaxDelaySec", "RestartMode", "MemoryPressureWatch", "RootEphemeral", "PollLimitBurst",
    "PollLimitIntervalSec", "ImportCredential", "DelegateSubgroup", "FileDescriptorStorePreserve", "SetLoginEnvironment",
    "SurviveFinalKillSignal", "CoredumpReceive", "BindJournalSockets", "PrivatePIDs", "ProtectHostnameEx", "PassPIDFD",
}  # fmt: skip


@cache
def _program() -> str:
    """Return systemd-analyze, which says of a tree what systemd would; skips where there is none that can."""
    program = shutil.which("systemd-analyze")
    if program is None or SYSTEM_UNITS is None:
        pytest.skip("systemd-analyze, or the units of systemd itself, are not on this machine")
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    if int(re.split(r"\D", version)[0]) < 250:
        pytest.skip(f"systemd-analyze {version} cannot look at units below another root; 250 can")
    return program


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([_program(), *arguments], check=False, capture_output=True, text=True)


def _values(unit: Path, key: str) -> list[str]:
    return values(unit.read_text(encoding="utf-8"), key)


def test_systemd_has_nothing_to_say(tree: Path) -> None:
    paths = [str(path) for path in unit_files(tree / "etc/systemd/system")]
    said = _analyze(f"--root={tree}", "verify", *paths)
    # The exit status is 0 also for a key that does not exist: any word is a fault.
    assert (said.stdout, said.stderr, said.returncode) == ("", "", 0)


def test_systemd_would_say_something(tree: Path) -> None:
    unit = tree / "etc/systemd/system" / COMMAND_UNIT
    unit.write_text(unit.read_text(encoding="utf-8") + "[Service]\nNoSuchKey=1\n")
    assert "NoSuchKey" in _analyze(f"--root={tree}", "verify", str(unit)).stderr


def test_with_the_files_of_each_robot(tree: Path, robot_file: Path) -> None:
    assert provision([str(robot_file), "--root", str(tree)]) == 0
    paths = [str(path) for path in unit_files(tree / "etc/systemd/system")]
    said = _analyze(f"--root={tree}", "verify", *paths)
    assert (said.stdout, said.stderr) == ("", "")
    judged = _security(tree, *ALL_SERVICES)
    assert judged.returncode == 0, f"with {robot_file.name}: {re.findall('.*Overall exposure.*', judged.stdout)}"


def test_exposure_is_measured(tree: Path) -> None:
    unit = tree / "etc/systemd/system" / RECORD_UNIT
    unit.write_text("[Service]\nExecStart=/bin/sh\n")
    assert _security(tree, *ALL_SERVICES).returncode != 0


def _security(tree: Path, *units: str) -> subprocess.CompletedProcess[str]:
    options = ("--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager")
    return _analyze(f"--root={tree}", "security", *options, *units)


def test_no_key_that_systemd_249_lacks(units: Path) -> None:
    for path in unit_files(units):
        assert {key for _, key, _ in directives(path.read_text(encoding="utf-8"))}.isdisjoint(NEWER), path.name


def test_places_and_user_are_those_of_the_installation(units: Path) -> None:
    place = Installation()
    for name in SERVICES:
        unit = units / name
        (start,) = _values(unit, "ExecStart")
        assert start.startswith(f"{place.current}/venv/bin/python -I -m ")
        assert f" {place.robot_file}" in start
        assert _values(unit, "WorkingDirectory") == [str(place.run)]
        assert _values(unit, "Group") == [SERVICE_USER]
        assert _values(unit, "User") == ["forerun-page" if name == PAGE_UNIT else SERVICE_USER]
        assert _values(unit, "PartOf") == [TARGET_UNIT]
    assert _values(units / "forerun-command.socket", "ListenSequentialPacket") == [f"{place.run}/command.sock"]
    (wanted,) = _values(units / TARGET_UNIT, "Wants")
    assert set(wanted.split()) == {"forerun-command.socket", *SERVICES}


def test_what_is_run_exists(units: Path) -> None:
    for path in unit_files(units):
        for start in _values(path, "ExecStart"):
            module = re.search(r" -m (\S+)(?: (\w+))?", start)
            if module is not None:
                name = module[1] if module[1] != "forerun" else f"forerun.{module[2]}"
                assert (ROOT / f"{name.replace('.', '/')}.py").exists(), start
            script = re.search(r"/opt/forerun/current/(systemd/\S+)", start)
            assert script is None or (ROOT / script[1]).exists(), start


def test_nothing_waits_for_a_network(units: Path) -> None:
    assert not [path.name for path in unit_files(units) if "network-online" in path.read_text(encoding="utf-8")]


def test_a_person_is_called_when_a_unit_gives_up(units: Path) -> None:
    assert _values(units / COMMAND_UNIT, "OnFailure") == [SAFE_UNIT]
    for name in (POLICY_UNIT, RECORD_UNIT, PAGE_UNIT):
        assert _values(units / name, "OnFailure") == ["forerun-gave-up@%N.service"]
    for name in SERVICES:
        assert _values(units / name, "Restart") == ["on-failure"]
        assert _values(units / name, "RestartPreventExitStatus") == ["2"]
    # Else a policy that connects would bring back what a person has to look at, and the safe state would not stay.
    assert _values(units / SAFE_UNIT, "Conflicts") == [POLICY_UNIT]


def test_only_the_command_process_may_be_real_time(units: Path) -> None:
    for name in ALL_SERVICES:
        assert _values(units / name, "RestrictRealtime") == ["no" if name == COMMAND_UNIT else "yes"], name


def test_its_page_says_what_the_units_say(units: Path) -> None:
    page = (ROOT / "docs/robot/units.md").read_text(encoding="utf-8")
    for name in SERVICES:
        unit = units / name
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` | `"))
        cells = [cell.strip().strip("`") for cell in row.strip("|").split("|")][1:]
        keys = (
            "WatchdogSec",
            "TimeoutStartSec",
            "TimeoutStopSec",
            "RestartSec",
            "StartLimitBurst",
            "StartLimitIntervalSec",
        )
        told = [(_values(unit, key) or ["none"])[0] for key in keys]
        assert cells[:5] == [*told[:4], f"{told[4]} in {told[5]}"], name


def test_who_gets_which_group(units: Path) -> None:
    lines = (units / "forerun.sysusers").read_text(encoding="utf-8").splitlines()
    users = [line for line in lines if line.startswith("u ")]
    named = [
        re.fullmatch(r'u ([\w-]+) - "[^":,]*" /\S* -', user) for user in users
    ]  # a colon in the full name is refused
    assert [each[1] for each in named if each] == [SERVICE_USER, "forerun-page"]
    assert f"m forerun-page {SERVICE_USER}" in lines
    given = {line.split()[2] for line in lines if line.startswith("m ")}
    rules = (units / "70-forerun.rules").read_text(encoding="utf-8")
    assert set(re.findall(r'GROUP="(\w+)"', rules)) <= given  # what the rules open, the service can open
    assert given >= {"dialout", "video", "render"}


def test_what_is_written_belongs_to_the_service(units: Path) -> None:
    place = Installation()
    lines = (units / "forerun.tmpfiles").read_text(encoding="utf-8").splitlines()
    owners = {line.split()[1]: line.split()[3] for line in lines if line.startswith("d ")}
    for folder in (place.run, place.state / "flight", place.trials):
        assert owners[str(folder)] == SERVICE_USER
    for folder in (place.state, place.bundles, place.state / "calibration", place.engines):
        assert owners[str(folder)] == "root"


def test_who_hangs_is_noticed(units: Path) -> None:
    for name in (COMMAND_UNIT, POLICY_UNIT, RECORD_UNIT):
        unit = units / name
        assert _values(unit, "Type") == ["notify"], name
        assert _values(unit, "NotifyAccess") == ["main"], name
        assert _values(unit, "WatchdogSec"), name
        assert _values(unit, "TimeoutAbortSec"), name  # SIGABRT tells where it hung; SIGKILL does not wait for ever


def test_a_start_that_takes_too_long_is_no_order_to_end(units: Path) -> None:
    # The policy takes SIGTERM for the word of a person: it forgets what it was told, and its start is not counted against its bundle.
    assert _values(units / POLICY_UNIT, "TimeoutStartFailureMode") == ["abort"]
    assert _values(units / POLICY_UNIT, "KillSignal") == []
