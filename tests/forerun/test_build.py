"""forerun build, as a person uses it, with ONNX Runtime in the place of TensorRT (tests/data/engine_stand_in.py)."""

import errno
import fcntl
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import forerun.build
from forerun.__main__ import main
from interfaces.bundle_manifest import load_manifest
from interfaces.engine_cache import EngineCache, Entry
from interfaces.engine_record import engine_key
from interfaces.errors import DeviceError
from interfaces.installed import Installation
from tests.data.engine_stand_in import LEARNT, ORIN, TENSORRT, program, put_in
from tests.data.make_engine_bundle import make_models, make_samples, write_tiny

Build = Callable[..., int]
WAIT_S = 120.0
MACHINE = forerun.build.__dict__["_machine"]  # before anything stands in for it


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle and a cache in which it is built."""
    folder = tmp_path_factory.mktemp("built")
    samples = make_samples()
    write_tiny(folder / "tiny", make_models(samples), samples)
    with pytest.MonkeyPatch.context() as patching:
        put_in(patching.setattr)
        assert (
            main(["build", str(folder / "tiny"), "--cache", str(folder / "cache"), "--candidates", "int8-fp16,fp16"])
            == 0
        )
    return folder


@pytest.fixture
def place(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to spoil, on an Orin."""
    put_in(monkeypatch.setattr)
    return Path(shutil.copytree(built, tmp_path / "place"))


@pytest.fixture
def build(place: Path) -> Build:
    """Calls forerun build with that cache."""
    return lambda *arguments: main(["build", *arguments, "--cache", str(place / "cache")])


def missing() -> None:
    """As on a container of JetPack 7 that lacks a library of TensorRT."""
    raise DeviceError("TensorRT cannot be used: libnvdla_compiler.so: cannot open shared object file")


def restarted(state: Path) -> tuple[str, bool]:
    """As where systemd runs the policy."""
    return f"restarted for {state}", True


def options(*more: str) -> tuple[str, ...]:
    """Return the options with which it was built."""
    return ("--candidates", "int8-fp16,fp16", *more)


def entry_in(place: Path) -> Entry | None:
    manifest = load_manifest(place / "tiny")
    return EngineCache(place / "cache").find(engine_key(manifest, TENSORRT, ORIN), manifest)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_was_kept_is_what_the_runtime_finds(place: Path) -> None:
    entry = entry_in(place)
    assert entry is not None
    for graph in ("foresight", "action"):
        plan = entry.plan(graph)
        artefact = {"int8-fp16": "trt-int8", "fp16": "fp16"}[plan.candidate]
        assert entry.read_plan(graph) == (place / f"tiny/{graph}.{artefact}.onnx").read_bytes()
        assert [one.candidate for one in plan.tried] == ["int8-fp16", "fp16"]
        assert sorted(one.outcome for one in plan.tried) == ["kept", "slower"]
        assert all(one.p50_ms is not None and 0 < one.p50_ms <= (one.p99_ms or 0) for one in plan.tried)
    assert [gate.outcome for gate in entry.record.gates] == ["passed"] * 3
    names = {"record.toml", entry.record.foresight.file, entry.record.action.file}
    assert {path.name for path in entry.folder.iterdir()} == names
    assert [path.read_bytes() for path in (place / "cache").glob("timing-*")] == [LEARNT]
    assert not list((place / "cache").glob(".build-*"))


def test_the_second_time_there_is_nothing_to_do(place: Path, build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(place / "cache")
    assert build(str(place / "tiny"), *options()) == 0
    assert capsys.readouterr().out.startswith("nothing to do: the engines of tiny are in ")
    assert contents(place / "cache") == before


def test_people_see_what_was_tried_and_kept(place: Path, build: Build, capfd: pytest.CaptureFixture[str]) -> None:
    entry = entry_in(place)
    assert entry is not None
    (entry.folder / "record.toml").write_text("?", encoding="utf-8")
    assert build(str(place / "tiny"), "--candidates", "fp16") == 0  # other settings
    told = capfd.readouterr()
    assert "record.toml: " in told.out  # why what was there is not believed
    lines = told.out.splitlines()
    head = next(line for line in lines if line.startswith("graph"))
    assert head.split() == [
        "graph",
        "candidate",
        "build",
        "s",
        "plan",
        "MB",
        "p50",
        "ms",
        "p99",
        "ms",
        "worst",
        "verdict",
    ]
    assert sum(line.startswith(("foresight  fp16", "action     fp16")) and line.endswith("kept") for line in lines) == 2
    assert lines[-1].startswith("kept: foresight fp16 (")
    assert "action error" in lines[-1]
    assert "foresight fp16: built in" in told.err


def test_where_none_passes_the_cache_stays_as_it_was(
    place: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(place / "cache")
    assert build(str(place / "tiny"), "--candidates", "fp16", "--memory-mb", "13") == 1
    assert "failed: no kernel for it" in (told := capsys.readouterr().out)
    assert "no candidate passed: tiny has no engines here, and runs on ONNX Runtime" in told
    assert contents(place / "cache") == before


def test_a_plan_that_was_spoilt_is_built_anew(place: Path, build: Build) -> None:
    entry = entry_in(place)
    assert entry is not None
    (entry.folder / entry.record.action.file).write_bytes(b"not a plan")
    (entry.folder / "left-over.plan").write_bytes(b"of an earlier build")
    assert build(str(place / "tiny"), "--candidates", "fp16") == 0
    mended = entry_in(place)
    assert mended is not None
    assert mended.read_plan("action") == (place / "tiny/action.fp16.onnx").read_bytes()
    assert not (entry.folder / "left-over.plan").exists()


def test_a_damaged_bundle_is_refused_before_anything_is_built(
    place: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "tiny/action.fp16.onnx").write_bytes(b"another graph")
    assert build(str(place / "tiny"), *options("--rebuild")) == 2
    assert "action.fp16.onnx: its sha256 is" in capsys.readouterr().err


def test_two_do_not_build_into_one_cache(place: Path, build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    with (place / "cache/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert build(str(place / "tiny"), *options("--rebuild")) == 2
    assert "another forerun build is at work here; wait for its end" in capsys.readouterr().err


def test_a_cache_that_everybody_may_write_is_refused(
    place: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "cache").chmod(0o777)
    assert build(str(place / "tiny"), *options()) == 2
    assert "everybody may write it" in capsys.readouterr().err


def test_whose_engines_they_are_is_told_on_an_installed_robot(
    place: Path, build: Build, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Installation(place / "root")
    there.current.mkdir(parents=True)
    monkeypatch.setattr("interfaces.installed.Installation", lambda: there)
    assert build(str(place / "tiny"), "--candidates", "fp16") == 0
    assert capsys.readouterr().out.endswith(
        "the installed robot does not look there: sudo forerun build builds its engines\n"
    )
    there.engines.parent.mkdir(parents=True)
    (place / "cache").rename(there.engines)
    monkeypatch.setattr("runtime.bundles.policy_unit.restart_policy", restarted)
    again = ["build", str(place / "tiny"), "--cache", str(there.engines), "--candidates", "fp16"]
    assert main(again) == 0
    assert "restarted" not in capsys.readouterr().out  # there was nothing to do
    assert main([*again, "--rebuild"]) == 0
    assert capsys.readouterr().out.endswith(f"restarted for {there.state}\n")


def test_a_full_disk_is_told_of_in_one_line(
    place: Path, build: Build, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(place / "cache")

    def full(*_paths: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "foresight.plan")

    monkeypatch.setattr("export.engines.cache_changes.os.rename", full)
    assert build(str(place / "tiny"), "--candidates", "fp16") == 2
    assert "foresight.plan: No space left on device; nothing changed" in capsys.readouterr().err
    assert contents(place / "cache") == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--candidates", "int4"), "there is no candidate int4; there are int8-fp16, "),
        (("--memory-mb", "0"), "--memory-mb is 0; expected 1 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(
    arguments: tuple[str, ...], complaint: str, place: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(str(place / "tiny"), *arguments) == 2
    assert complaint in capsys.readouterr().err


def test_the_list_says_what_is_usable(
    place: Path, build: Build, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "cache/unfinished").mkdir()
    assert build("--list") == 0
    usable, unfinished = sorted(capsys.readouterr().out.splitlines()[1:])
    assert usable.startswith("tiny")
    assert usable.endswith("usable")
    assert unfinished.endswith("no record: it was never finished")
    monkeypatch.setattr("forerun.build._machine", lambda: ("10.16.2", ORIN))
    assert build("--list") == 0
    assert "of another TensorRT or board" in capsys.readouterr().out

    monkeypatch.setattr("runtime.tensorrt.probe.found", missing)
    monkeypatch.setattr("forerun.build._machine", MACHINE)
    assert build("--list") == 0
    assert "not judged: no TensorRT here" in capsys.readouterr().out


def test_what_is_foreign_is_swept_out(
    place: Path, build: Build, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "cache/unfinished").mkdir()
    assert build("--prune") == 0
    assert capsys.readouterr().out == "removed unfinished: no record: it was never finished\n"
    assert entry_in(place) is not None
    assert build("--prune") == 0
    assert capsys.readouterr().out.startswith("nothing to remove from ")
    monkeypatch.setattr("forerun.build._machine", lambda: ("10.16.2", ORIN))
    assert build("--prune") == 0
    assert f"of TensorRT {TENSORRT}" in (removed := capsys.readouterr().out)
    assert "of another TensorRT or board" in removed  # what its builds learnt
    assert contents(place / "cache").keys() == {".lock"}


def test_without_tensorrt_one_line_says_what_is_missing_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runtime.tensorrt.probe.found", missing)
    assert main(["build", "--cache", str(tmp_path / "cache")]) == 2
    line = capsys.readouterr().err
    assert len(line.strip().splitlines()) == 1
    assert line.startswith("forerun build: TensorRT cannot be used: libnvdla_compiler.so")
    assert "JetPack" in line
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_broken_off_in_the_middle_the_engines_stay_as_they_were(place: Path, end: signal.Signals, build: Build) -> None:
    before = entry_in(place)
    command = ("forerun", "hang", "build", str(place / "tiny"), "--cache", str(place / "cache"), "--candidates", "fp16")
    process = subprocess.Popen(program(*command), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    folder = wait_for(lambda: next(iter((place / "cache").glob(".build-*/action-fp16")), None))
    process.send_signal(end)
    _, told = process.communicate(timeout=WAIT_S)
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert told.endswith(b"forerun build: interrupted\n")
        assert not folder.exists()
    assert entry_in(place) == before
    assert before is not None
    assert before.read_plan("action")
    assert build(str(place / "tiny"), *options()) == 0  # nothing to do, and what a killed one left is swept
    assert not list((place / "cache").glob(".build-*"))


def wait_for(look: Callable[[], Path | None]) -> Path:
    """Return what appears."""
    end_ns = time.monotonic_ns() + int(WAIT_S * 1e9)
    while time.monotonic_ns() < end_ns:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not appear")
