"""A record is read as it was written, or refused with file, reason and command; whatever its bytes are."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.record_rig import RecordRig
from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.record import Check
from interfaces.calibration.record_file import SIZE_MAX_BYTES, RecordPlace, read_record, seal, unseal
from interfaces.errors import CalibrationError, ConfigError

settings.register_profile("records", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("records")


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot."""
    return RecordRig(tmp_path)


@pytest.fixture
def record(rig: RecordRig) -> JointsRecord:
    """A record of it."""
    return rig.joints()


@pytest.fixture
def place(rig: RecordRig) -> RecordPlace:
    """Where that record belongs."""
    rig.folder.mkdir(parents=True)
    return rig.store.place("joints")


def refusal(data: bytes, place: RecordPlace) -> str:
    """Return what is said of a damaged record: always with its file and the command that makes a new one."""
    with pytest.raises(CalibrationError) as caught:
        unseal(data, place)
    said = str(caught.value)
    assert said.startswith(str(place.path))
    assert said.endswith(f"make a new one: forerun calibrate joints {place.robot_file}")
    return said


def resealed(data: bytes) -> bytes:
    """Return a record that was edited by somebody who knows how it is sealed."""
    body = data.partition(b"[seal]")[0]
    return body + b'[seal]\nsha256 = "' + hashlib.sha256(body).hexdigest().encode() + b'"\n'


def test_every_kind_is_read_back_as_it_was(rig: RecordRig) -> None:
    for record in rig.all_records():
        place = rig.store.place(record.kind, record.header.subject)
        assert unseal(seal(record), place) == record


@pytest.mark.parametrize("operator", ['Zoë "the hand"', "\U0001f916", "[seal]\nsha256 =", "a\x7fb\\", ""])
def test_an_operator_may_be_called_anything(record: JointsRecord, place: RecordPlace, operator: str) -> None:
    named = replace(record, header=replace(record.header, operator=operator))
    assert unseal(seal(named), place) == named


def test_the_hash_is_one_that_a_person_can_check(record: JointsRecord, place: RecordPlace) -> None:
    place.path.write_bytes(seal(record))
    printed = subprocess.run(
        f"sed '/^\\[seal\\]/,$d' {place.path} | sha256sum", shell=True, capture_output=True, text=True, check=True
    )
    assert printed.stdout.split()[0] in place.path.read_text().splitlines()[-1]


def test_every_single_bit_counts(record: JointsRecord, place: RecordPlace) -> None:
    data = seal(record)
    for index in range(len(data)):
        for bit in (0, 5):
            changed = bytearray(data)
            changed[index] ^= 1 << bit
            with pytest.raises(CalibrationError):
                unseal(bytes(changed), place)


def test_a_record_that_was_cut_short_is_refused_wherever_it_was_cut(record: JointsRecord, place: RecordPlace) -> None:
    data = seal(record)
    for length in range(len(data)):
        refusal(data[:length], place)
    assert "[seal]" in refusal(data[:200], place)
    refusal(data + b"\n", place)
    refusal(data + data, place)


def test_a_record_changed_by_hand_is_refused(record: JointsRecord, place: RecordPlace) -> None:
    said = refusal(seal(record).replace(b"2058.0", b"2060.0"), place)
    assert "seal.sha256 is" in said
    assert "changed after it was made" in said


@pytest.mark.parametrize(
    ("number", "says"), [(3, "by a newer forerun: format is 3"), (1, "by an older forerun: format is 1")]
)
def test_a_record_of_another_format_is_said_to_be_one(
    record: JointsRecord, place: RecordPlace, number: int, says: str
) -> None:
    other = seal(record).replace(b"format = 2", b"format = %d" % number)
    assert says in refusal(other, place)
    assert says in refusal(resealed(other.replace(b"[header]", b"future = 1\n\n[header]")), place)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"direction = 1", b"direction = 2", "joints[0].direction is 2; expected 1 or -1"),
        (b"range_min_rad = -1.5", b"range_min_rad = 9.0", "more than range_min_rad"),
        (b'kind = "joints"', b'kind = "elbow"', "kind is 'elbow'; expected one of 'joints'"),
        (b'kind = "joints"\n', b"", "kind is missing; expected one of"),
        (b"home = 2058.0", b"home = nan", "expected a number, not NaN"),
        (b"home = 2058.0", b"home = true", "home is True; expected a number"),
        (b"home = 2058.0", b"home = 1" + b"0" * 400, "a number of hundreds of digits"),
        (b"home = 2058.0", b"home = 1" + b"0" * 5000, "valid TOML"),
        (b'robot = "simulated"', b'robot = "simulated"\nspare = 1', "header.spare is 1; expected one of"),
        (b"format = 2\n", b"format = 2\nx = " + b"[" * 5000 + b"\n", "valid TOML"),
        (b"simulated", b"\xff", "no text in UTF-8"),
    ],
)  # fmt: skip
def test_a_record_that_says_what_cannot_be_is_refused_though_its_seal_keeps(
    record: JointsRecord, place: RecordPlace, old: bytes, new: bytes, says: str
) -> None:
    data = seal(record)
    assert old in data
    assert says in refusal(resealed(data.replace(old, new, 1)), place)


def test_a_record_in_the_place_of_another_is_refused(rig: RecordRig) -> None:
    for there in (rig.store.place("camera", "side"), rig.store.place("view", "front")):
        with pytest.raises(CalibrationError, match="expected"):
            unseal(seal(rig.camera()), there)


def test_a_huge_file_is_no_record(place: RecordPlace) -> None:
    place.path.write_bytes(b"#" * (SIZE_MAX_BYTES + 1))
    with pytest.raises(CalibrationError, match="larger than"):
        read_record(place)


def test_what_is_no_file_is_refused(place: RecordPlace) -> None:
    with pytest.raises(CalibrationError, match="missing"):
        read_record(place)
    place.path.mkdir()
    with pytest.raises(CalibrationError, match="cannot be read: Is a directory"):
        read_record(place)


def test_the_files_beside_a_record_are_part_of_it(rig: RecordRig) -> None:
    rig.save(rig.view())
    place = rig.store.place("view", "front")
    read_record(place)
    beside = next(rig.folder.glob("*.npz"))
    content = beside.read_bytes()
    beside.write_bytes(content + b" ")
    with pytest.raises(CalibrationError, match=r"view-front@.*npz, which belongs to it, was changed"):
        read_record(place)
    beside.unlink()
    with pytest.raises(CalibrationError, match="cannot be read"):
        read_record(place)


@pytest.mark.parametrize("name", ["../secret", "a/b", "", "nul\\u0000"])
def test_a_record_names_no_file_but_beside_it(rig: RecordRig, name: str) -> None:
    data = seal(rig.view()).replace(b"landmarks.npz", name.encode())
    place = rig.store.place("view", "front")
    rig.folder.mkdir(parents=True)
    place.path.write_bytes(resealed(data))
    with pytest.raises(CalibrationError):
        read_record(place)


def test_a_record_that_could_not_be_read_back_is_not_sealed(record: JointsRecord) -> None:
    unreadable: list[AnyRecord] = [
        replace(
            record, header=replace(record.header, checks=(Check(name="n", value=float("nan"), limit=1.0, unit=""),))
        ),
        replace(record, header=replace(record.header, operator="\udcff")),
        replace(record, joints=list(record.joints)),
    ]
    for each in unreadable:
        with pytest.raises(ConfigError):
            seal(each)


def test_paths_with_spaces_stay_commands(rig: RecordRig) -> None:
    place = RecordPlace(folder=rig.folder, kind="hand_eye", subject="front", robot_file=Path("my robots/a b.toml"))
    assert place.command == "forerun calibrate hand-eye 'my robots/a b.toml' --camera front"


@given(st.binary(max_size=2000))
def test_no_bytes_at_all_are_taken_for_a_record(rig: RecordRig, data: bytes) -> None:
    refusal(data, rig.store.place("joints"))
    refusal(resealed(data), rig.store.place("joints"))


@given(st.data())
def test_a_record_with_any_part_replaced_and_sealed_anew_is_read_as_what_it_says_or_refused(
    rig: RecordRig, data: st.DataObject
) -> None:
    """Never an error of another kind; and what is accepted is accepted as exactly what stands there."""
    body = seal(rig.joints()).partition(b"[seal]")[0]
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))
    patch = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"nan", b"[[", b"]]\n", b"= {}", b'"', b"1e999", b"\n"])
    )
    changed = resealed(body[:start] + patch + body[end:])
    place = rig.store.place("joints")
    try:
        read = unseal(changed, place)
    except CalibrationError:
        return
    assert isinstance(read, JointsRecord)
    assert unseal(seal(read), place) == read


@given(operator=st.text(max_size=30), value=st.floats(allow_nan=False), note=st.text(max_size=30))
def test_whatever_can_be_sealed_is_read_back(rig: RecordRig, operator: str, value: float, note: str) -> None:
    check = Check(name="any", value=value, limit=1.0, unit="mm")
    record = replace(rig.joints(), header=replace(rig.header(check=check), operator=operator, note=note))
    place = rig.store.place("joints")
    try:
        data = seal(record)
    except ConfigError:
        assert any("\ud800" <= letter <= "\udfff" for letter in operator + note)
        return
    assert unseal(data, place) == record
