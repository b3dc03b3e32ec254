"""An archive is unpacked as it was packed, or refused; whatever its bytes are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.record_rig import LANDMARKS, RecordRig
from calibration.records.archive import MANIFEST, pack, unpack
from interfaces.calibration.camera import ViewRecord
from interfaces.calibration.record_file import seal
from interfaces.errors import RefusedError

FUNCTION_FIXTURE = [HealthCheck.function_scoped_fixture]  # it is only read


@pytest.fixture
def files(rig: RecordRig) -> dict[str, bytes]:
    """Every record of a robot, and the landmarks beside one."""
    rig.save(*rig.all_records())
    return {path.name: path.read_bytes() for path in rig.folder.iterdir() if path.is_file() and path.name != ".lock"}


@pytest.fixture
def archive(files: dict[str, bytes]) -> bytes:
    """All of it, packed."""
    return pack("simulated", files)


def zipped(files: Mapping[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(RefusedError) as caught:
        unpack(data, "mine.zip")
    return str(caught.value)


def test_what_is_packed_is_unpacked(rig: RecordRig, archive: bytes) -> None:
    robot, records = unpack(archive, "mine.zip")
    assert robot == "simulated"
    assert [each.record.kind for each in records] == ["camera", "hand_eye", "joints", "latency", "servo", "view"]
    for each in records:
        assert each.record == rig.store.current(each.record.kind, each.record.header.subject)
    view = records[-1]
    assert isinstance(view.record, ViewRecord)
    assert view.files == {view.record.landmarks_file: LANDMARKS}


def test_the_same_records_make_the_same_file(files: dict[str, bytes], archive: bytes) -> None:
    assert pack("simulated", dict(reversed(files.items()))) == archive


def test_any_zip_program_opens_it(archive: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        assert all(info.external_attr >> 16 == 0o644 for info in opened.infolist())


@pytest.mark.parametrize(
    "name", ["../joints.toml", "/etc/passwd", "a/joints.toml", "..", "nul\n.toml", "joints.toml\\"]
)
def test_names_that_lead_elsewhere_are_refused(archive: bytes, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        files = {entry: opened.read(entry) for entry in opened.namelist()}
    assert "names files that no export" in refusal(zipped({**files, name: b""}))


def test_what_the_manifest_does_not_say_is_refused(files: dict[str, bytes]) -> None:
    manifest = {MANIFEST: zipfile.ZipFile(io.BytesIO(pack("simulated", files))).read(MANIFEST)}
    assert "joints.toml: not as the manifest says" in refusal(zipped({**manifest, **files, "joints.toml": b"other"}))
    assert "more.toml: not as" in refusal(zipped({**manifest, **files, "more.toml": b""}))
    assert "servo.toml: not as" in refusal(
        zipped({**manifest, **{n: d for n, d in files.items() if n != "servo.toml"}})
    )
    assert "no manifest.toml" in refusal(zipped(files))
    assert "format is 2" in refusal(
        zipped({**files, MANIFEST: manifest[MANIFEST].replace(b"format = 1", b"format = 2")})
    )


def test_a_damaged_or_foreign_record_is_refused_though_the_manifest_fits(
    rig: RecordRig, files: dict[str, bytes]
) -> None:
    cut = {**files, "joints.toml": files["joints.toml"][:-10]}
    assert "the [seal] at its end is missing" in refusal(pack("simulated", cut))
    other = replace(rig.joints(), header=replace(rig.header(), robot="yours"))
    assert "of robot 'yours'" in refusal(pack("simulated", {**files, "joints.toml": seal(other)}))
    misplaced = {**files, "camera-side.toml": files["camera-front.toml"]}
    assert "expected ('camera', 'side')" in refusal(pack("simulated", misplaced))
    assert "elbow.toml: no kind of record" in refusal(pack("simulated", {"elbow.toml": b""}))


def test_files_beside_a_record_must_be_its_own(files: dict[str, bytes]) -> None:
    landmarks = next(name for name in files if name.endswith(".npz"))
    without = {name: data for name, data in files.items() if name != landmarks}
    assert "is missing or was changed" in refusal(pack("simulated", without))
    assert "is missing or was changed" in refusal(pack("simulated", {**files, landmarks: b"other"}))
    assert "spare.npz: belongs to no record" in refusal(pack("simulated", {**files, "spare.npz": b""}))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zipped({MANIFEST: bytes(100_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1_000_000
    assert "more than" in refusal(bomb)
    assert "compressed" in refusal(zipped({MANIFEST: bytes(1000)}, zipfile.ZIP_DEFLATED))


def test_the_same_name_twice_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(MANIFEST, b"")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(MANIFEST, b"")
    assert "names files that no export" in refusal(packed.getvalue())


def test_an_archive_cut_short_is_refused(archive: bytes) -> None:
    for length in range(0, len(archive), 37):
        refusal(archive[:length])


@settings(suppress_health_check=FUNCTION_FIXTURE, max_examples=300)
@given(data=st.data())
def test_an_archive_with_bytes_changed_is_refused_or_the_same(archive: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(archive) - 1) | st.integers(max(0, len(archive) - 800), len(archive) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=8))
    changed = archive[:start] + patch + archive[start + len(patch) :]
    try:
        unpacked = unpack(changed, "mine.zip")
    except RefusedError:
        return
    assert unpacked == unpack(archive, "mine.zip")


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)]))
def test_no_bytes_at_all_are_taken_for_an_archive(data: bytes, mark: bytes) -> None:
    refusal(mark + data)
    refusal(data + mark)


def test_the_source_is_no_path(tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unpack(archive, "mine.zip")
    assert list(tmp_path.glob("*.zip")) == []
