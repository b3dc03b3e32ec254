"""Engines are believed only with a record of ours beside them, unchanged, for this very board; everything else is refused unread."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.bundle_artefact import Artefact, Gate, GraphFile, HashedFile
from interfaces.bundle_manifest import BundleManifest, load_manifest
from interfaces.engine_cache import EngineCache, Entry, cache_folder, cache_folders
from interfaces.engine_record import (
    RECORD_FILE,
    RECORD_FORMAT,
    Board,
    BuildSettings,
    EngineKey,
    EngineRecord,
    Plan,
    Tried,
    engine_key,
    l4t_release,
    parse_record,
    read_board,
    sources_of,
)
from interfaces.errors import BundleError, ConfigError, ForerunError
from interfaces.installed import Installation
from interfaces.toml_writer import to_toml

ORIN = Board(device="Orin", compute_capability="8.7", model="NVIDIA Jetson AGX Orin Developer Kit", l4t="36.4.3")
PLANS = {"foresight": b"a plan of foresight", "action": b"a plan of action"}

CHANGES: list[Callable[[EngineKey], EngineKey]] = [
    lambda key: replace(key, tensorrt="10.16.2"),
    lambda key: replace(key, board=replace(ORIN, l4t="36.5.0")),
    lambda key: replace(key, board=replace(ORIN, model="NVIDIA Jetson Orin Nano")),
    lambda key: replace(key, board=replace(ORIN, compute_capability="11.0")),
    lambda key: replace(key, sources=key.sources[1:]),
]
SPOILT: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path.write_bytes(path.read_bytes()[:-1]), "15 bytes; its record says 16"),
    (lambda path: path.write_bytes(path.read_bytes() + b"x"), "17 bytes; expected at most 16"),
    (lambda path: path.write_bytes(b"another plan ..."), "its sha256 is .*; its record says"),
    (lambda path: path.unlink(), "No such file"),
    (lambda path: path.chmod(0o666), "everybody may write it"),
    (lambda path: (path.rename(f"{path}.real"), path.symlink_to(f"{path}.real")), "is a link"),
    (lambda path: (path.unlink(), os.mkfifo(path)), "is no plain file"),
    (lambda path: path.parent.chmod(0o777), "everybody may write it"),
    (lambda path: path.parent.parent.chmod(0o777), "everybody may write it"),
]


@pytest.fixture(scope="module")
def manifest() -> BundleManifest:
    """The manifest of the tiny bundle, with an FP16 artefact added."""
    plain = load_manifest(Path(__file__).parents[1] / "data/tiny_bundle")
    graph = GraphFile(file="x.fp16.onnx", sha256="1" * 64)
    half = Artefact(
        precision="fp16", ready=True, foresight=graph, action=graph, foresight_max_abs=0.1, action_max_abs_rad=0.1
    )
    return replace(plain, artefacts=(*plain.artefacts, half))


@pytest.fixture(scope="module")
def key(manifest: BundleManifest) -> EngineKey:
    """What it is kept under on an Orin."""
    return engine_key(manifest, "10.3.0", ORIN)


@pytest.fixture(scope="module")
def record(manifest: BundleManifest, key: EngineKey) -> EngineRecord:
    """A record of two plans."""

    def plan(graph: str) -> Plan:
        spec = manifest.foresight if graph == "foresight" else manifest.action
        gate = Gate(name="parity", limit=0.1, measured=0.01, outcome="passed", worst="sample 3")
        tried = (
            Tried(candidate="int8-fp16", outcome="failed", why="Could not infer output types"),
            Tried(candidate="fp16", outcome="kept", why="", build_s=61.5, size_bytes=5, runs=300, p50_ms=3.25, p99_ms=4.0, gates=(gate,)),
        )  # fmt: skip
        digest = hashlib.sha256(PLANS[graph]).hexdigest()
        return Plan(
            file=f"{graph}-{digest[:12]}.plan", sha256=digest, size_bytes=len(PLANS[graph]), candidate="fp16",
            precision="fp16", parity_max_abs=0.1, inputs=spec.inputs, outputs=spec.outputs, tried=tried,
        )  # fmt: skip

    return EngineRecord(
        format=RECORD_FORMAT,
        bundle=manifest.name,
        created="2026-11-21 21:00",
        key=key,
        settings=BuildSettings(memory_mb=1792, optimisation_level=3, candidates=("fp16",)),
        gates=(),
        foresight=plan("foresight"),
        action=plan("action"),
    )


@pytest.fixture
def cache(tmp_path: Path, record: EngineRecord) -> EngineCache:
    """A cache with that entry."""
    folder = tmp_path / "engines" / record.key.name
    folder.mkdir(parents=True)
    (folder / RECORD_FILE).write_text(to_toml(record), encoding="utf-8")
    for graph, content in PLANS.items():
        (folder / Entry(folder, record).plan(graph).file).write_bytes(content)
    for path in (folder, folder.parent):
        path.chmod(0o755)
    return EngineCache(tmp_path / "engines")


def test_what_was_built_is_found(
    cache: EngineCache, key: EngineKey, manifest: BundleManifest, record: EngineRecord
) -> None:
    entry = cache.find(key, manifest)
    assert entry is not None
    assert entry.record == record
    assert {graph: entry.read_plan(graph) for graph in PLANS} == PLANS


@pytest.mark.parametrize("change", CHANGES)
def test_another_version_board_or_graph_is_another_engine(
    change: Callable[[EngineKey], EngineKey], cache: EngineCache, key: EngineKey, manifest: BundleManifest
) -> None:
    assert cache.find(change(key), manifest) is None


def test_the_key_is_made_of_what_is_built_from(manifest: BundleManifest, key: EngineKey) -> None:
    assert key == engine_key(replace(manifest, name="other", documents=()), "10.3.0", ORIN)
    one = manifest.artefacts[-1]
    other = replace(one, action=replace(one.action, sha256="2" * 64))
    assert engine_key(replace(manifest, artefacts=(*manifest.artefacts[:-1], other)), "10.3.0", ORIN) != key
    with_weights = replace(one, action=replace(one.action, weights=HashedFile(file="w", sha256="3" * 64)))
    assert engine_key(replace(manifest, artefacts=(*manifest.artefacts[:-1], with_weights)), "10.3.0", ORIN) != key
    heldout = HashedFile(file="heldout.npz", sha256="4" * 64)
    assert engine_key(replace(manifest, heldout=heldout), "10.3.0", ORIN) != key
    unready = replace(manifest, artefacts=(*manifest.artefacts[:-1], replace(one, ready=False)))
    assert [artefact.precision for artefact in sources_of(unready)] == ["fp32"]
    assert engine_key(unready, "10.3.0", ORIN) != key


def test_plans_without_a_record_are_not_there(cache: EngineCache, key: EngineKey, manifest: BundleManifest) -> None:
    (cache.folder / key.name / RECORD_FILE).unlink()
    assert cache.find(key, manifest) is None
    assert EngineCache(cache.folder / "nowhere").find(key, manifest) is None


@pytest.mark.parametrize(("spoil", "complaint"), SPOILT)
def test_a_plan_that_is_not_the_one_built_here_is_not_opened(
    spoil: Callable[[Path], object], complaint: str, cache: EngineCache, key: EngineKey, manifest: BundleManifest
) -> None:
    entry = cache.find(key, manifest)
    assert entry is not None
    spoil(entry.folder / entry.record.action.file)
    with pytest.raises(BundleError, match=complaint):
        entry.read_plan("action")


def test_plans_that_were_swapped_are_not_opened(cache: EngineCache, key: EngineKey, manifest: BundleManifest) -> None:
    entry = cache.find(key, manifest)
    assert entry is not None
    first, second = (entry.folder / entry.plan(graph).file for graph in PLANS)
    second.write_bytes(first.read_bytes())
    with pytest.raises(BundleError, match="19 bytes; expected at most 16"):
        entry.read_plan("action")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_plan_is_not_opened(cache: EngineCache, key: EngineKey, manifest: BundleManifest) -> None:
    entry = cache.find(key, manifest)
    assert entry is not None
    os.chown(entry.folder / entry.record.action.file, 12345, 12345)
    with pytest.raises(BundleError, match="belongs to user 12345"):
        entry.read_plan("action")


def test_a_record_that_others_may_write_is_not_believed(
    cache: EngineCache, key: EngineKey, manifest: BundleManifest
) -> None:
    (cache.folder / key.name / RECORD_FILE).chmod(0o666)
    with pytest.raises(BundleError, match="everybody may write it"):
        cache.find(key, manifest)


def test_an_entry_of_another_version_under_this_ones_name_is_refused(
    cache: EngineCache, key: EngineKey, manifest: BundleManifest
) -> None:
    newer = replace(key, tensorrt="10.16.2")
    (cache.folder / key.name).rename(cache.folder / newer.name)
    with pytest.raises(BundleError, match=r"its record is that of TensorRT 10\.3\.0, and this is 10\.16\.2"):
        cache.find(newer, manifest)
    nano = replace(key, board=replace(ORIN, model="Nano"))
    (cache.folder / newer.name).rename(cache.folder / nano.name)
    with pytest.raises(BundleError, match="another board"):
        cache.find(nano, manifest)


def test_tensors_that_are_not_the_bundles_are_refused(
    cache: EngineCache, key: EngineKey, manifest: BundleManifest
) -> None:
    tokens = replace(manifest.foresight.outputs[0], shape=(9, 9))
    other = replace(manifest, foresight=replace(manifest.foresight, outputs=(tokens,)))
    with pytest.raises(BundleError, match="the tensors of its foresight engine are not those of bundle"):
        cache.find(key, other)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("format = 1", "format = 2", "format is 2; expected at most 1: written by a newer forerun"),
        ("format = 1", "format = 0", "format is 0; expected 1"),
        ("size_bytes = 19", "size_bytes = 0", "foresight.size_bytes is 0; expected more than 0"),
        ('bundle = "', 'colour = "red"\nbundle = "', "colour is 'red'"),
        ('precision = "fp16"', 'precision = "int4"', "foresight.precision is 'int4'"),
        ('file = "foresight-', 'file = "../foresight-', "foresight.file is .*; expected a file name inside"),
    ],
)
def test_a_record_that_says_what_cannot_be_is_refused(
    old: str, new: str, complaint: str, cache: EngineCache, key: EngineKey, manifest: BundleManifest
) -> None:
    path = cache.folder / key.name / RECORD_FILE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        cache.find(key, manifest)


def test_a_record_survives_being_written(record: EngineRecord) -> None:
    assert parse_record(to_toml(record).encode(), "record") == record


@given(st.data())
def test_a_damaged_record_is_an_error_of_ours_or_a_record(record: EngineRecord, data: st.DataObject) -> None:
    content = bytearray(to_toml(record).encode())
    start = data.draw(st.integers(0, len(content) - 1))
    content[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    try:
        parse_record(bytes(content), "record")
    except ForerunError:
        return


def test_root_builds_for_the_robot_and_a_person_for_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, home = Installation(tmp_path), tmp_path / "home/alex"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert cache_folder(there, home) == tmp_path / "var/cache/forerun/engines"
    assert cache_folders(there, home) == (there.engines,)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert cache_folder(there, home) == home / ".cache/forerun/engines"
    assert cache_folders(there, home) == (there.engines,)  # nothing was built there yet
    (home / ".cache/forerun/engines").mkdir(parents=True)
    assert cache_folders(there, home) == (home / ".cache/forerun/engines", there.engines)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), RuntimeError("no home directory")])
def test_a_service_without_a_home_looks_into_the_robots_cache(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden() -> None:
        raise error

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("pathlib.Path.home", hidden)
    there = Installation(tmp_path)
    assert cache_folders(there) == (there.engines,)


def test_the_board_says_what_it_is(tmp_path: Path) -> None:
    for name, text in (
        ("proc/device-tree/model", "NVIDIA Jetson Orin Nano Developer Kit\0"),
        ("etc/nv_tegra_release", "# R36 (release), REVISION: 4.7, GCID: 42132812, BOARD: generic, EABI: aarch64\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    board = read_board("Orin", "8.7", tmp_path)
    assert (board.model, board.l4t) == ("NVIDIA Jetson Orin Nano Developer Kit", "36.4.7")
    assert read_board("Orin", "8.7", tmp_path / "nowhere") == replace(board, model="", l4t="")


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("# R39 (release), REVISION: 2.0, GCID: 1", "39.2.0"),
        ("", ""),
        ("# R (release), REVISION: 2", ""),
        ("rubbish", ""),
    ],
)
def test_releases_are_read(text: str, release: str) -> None:
    assert l4t_release(text) == release
