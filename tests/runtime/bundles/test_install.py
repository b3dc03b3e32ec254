"""What comes onto the shelf was checked there, or did not come."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.bundle_rig import make_bundle
from interfaces.errors import BundleError, ConfigError, ForerunError, RefusedError
from interfaces.robot_config import RobotConfig
from interfaces.trusted_path import Trust
from runtime.bundles.install import Checks, Installed, install
from runtime.bundles.shelf_changes import ShelfPlace, kept_names, remove
from runtime.bundles.shelf_file import Entry, Shelf, write_shelf
from runtime.policy.bundle import open_bundle

Bring = Callable[..., Installed]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A bundle to install."""
    return make_bundle(tmp_path / "source", "1")


def put(source: Path, place: ShelfPlace, checks: Checks, *, replace: bool = False) -> Installed:
    with place.changing():
        return install(source, place, checks, replace=replace)


def refused(
    source: Path, place: ShelfPlace, checks: Checks, complaint: str, kind: type[ForerunError] = BundleError
) -> None:
    """Check that a bundle does not come onto the shelf, and leaves nothing there."""
    with pytest.raises(kind, match=complaint):
        put(source, place, checks)
    assert [path.name for path in place.bundles.iterdir()] == [".lock"]


def test_a_good_bundle_gets_its_name_and_can_be_run(
    source: Path, place: ShelfPlace, checks: Checks, said: list[str]
) -> None:
    done = put(source, place, checks)
    assert done.new
    assert done.name.startswith("tiny-")
    assert len(done.name) == len("tiny-") + 6
    assert place.names() == [done.name]
    folder = place.bundles / done.name
    assert open_bundle(folder, checks.robot, Trust(root=place.state)).manifest.name == "tiny"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    for part in ("copying", "not signed", "re-checking its reference outputs", "tokens within"):
        assert part in "\n".join(said)
    assert ".install-" not in "\n".join(said)


def test_a_careless_umask_makes_no_careless_shelf(source: Path, place: ShelfPlace, checks: Checks) -> None:
    before = os.umask(0)
    try:
        done = put(source, place, checks)
    finally:
        os.umask(before)
    open_bundle(place.bundles / done.name, checks.robot, Trust(root=place.state))


def test_the_same_again_changes_nothing(bring: Bring, place: ShelfPlace) -> None:
    assert bring("1").new
    again = bring("1")
    assert not again.new
    assert place.names() == [again.name]


def test_another_edition_of_the_same_name_lies_beside(bring: Bring, place: ShelfPlace) -> None:
    assert bring("1").name != bring("2").name
    assert len(place.names()) == 2


def test_a_damaged_one_is_replaced_only_when_asked(bring: Bring, place: ShelfPlace) -> None:
    name = bring("1").name
    (place.bundles / name / "action.onnx").write_bytes(b"nothing")
    with pytest.raises(
        RefusedError, match="not the same: damaged, or signed otherwise; --replace puts this one in its place"
    ):
        bring("1")
    assert bring("1", replace=True) == Installed(name, new=True)
    assert not bring("1").new
    assert place.names() == [name]


@pytest.mark.parametrize("role", ["active", "previous"])
def test_one_in_charge_is_never_replaced_where_it_lies(bring: Bring, place: ShelfPlace, role: str) -> None:
    name, other = bring("1").name, bring("2").name
    active, previous = (name, other) if role == "active" else (other, name)
    write_shelf(place.state, Shelf(active=Entry(folder=active, trial="a"), previous=Entry(folder=previous, trial="b")))
    (place.bundles / name / "action.onnx").write_bytes(b"nothing")
    with pytest.raises(RefusedError, match="beside it, under a longer name"):
        bring("1")
    longer = bring("1", replace=True).name
    assert longer.startswith(name)
    assert len(longer) == len(name) + 4
    assert (place.bundles / name / "action.onnx").read_bytes() == b"nothing"


@pytest.mark.parametrize("file", ["foresight.onnx", "action.onnx", "parity.npz"])
def test_a_flipped_bit_is_refused(source: Path, place: ShelfPlace, checks: Checks, file: str) -> None:
    data = bytearray((source / file).read_bytes())
    data[len(data) // 2] ^= 1
    (source / file).write_bytes(data)
    refused(source, place, checks, f"{source}/{file}: its sha256 is")


def test_one_that_does_not_reproduce_itself_is_refused(tmp_path: Path, place: ShelfPlace, checks: Checks) -> None:
    refused(
        make_bundle(tmp_path / "bad", "1", reproduces=False), place, checks, "parity of action: positions of sample"
    )


def test_one_for_another_robot_is_refused(source: Path, place: ShelfPlace, checks: Checks, robot: RobotConfig) -> None:
    other = replace(robot, cameras=(replace(robot.cameras[0], width_px=640),))
    refused(source, place, Checks(other, checks.keys, checks.say), r"camera front at \(424, 240\); robot simulated has")


def test_no_bundle_at_all_is_refused(tmp_path: Path, place: ShelfPlace, checks: Checks) -> None:
    refused(tmp_path, place, checks, r"manifest\.toml: No such file", ConfigError)


def test_a_newer_format_is_said_before_anything_else(source: Path, place: ShelfPlace, checks: Checks) -> None:
    manifest = source / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("format = 2", "format = 3\nspeech = true"))
    refused(source, place, checks, "format is 3; expected at most 2: .*newer forerun", ConfigError)


@pytest.mark.parametrize("name", ["", ".tiny", "../tiny", "ti ny", "t" * 61])
def test_a_name_that_is_no_folder_is_refused(source: Path, place: ShelfPlace, checks: Checks, name: str) -> None:
    manifest = source / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('name = "tiny"', f'name = "{name}"'))
    refused(source, place, checks, "its folder is called so", ConfigError)


def test_what_the_manifest_does_not_name_is_refused(source: Path, place: ShelfPlace, checks: Checks) -> None:
    (source / "run_me.py").write_text("print()")
    refused(source, place, checks, r"run_me\.py: its manifest does not name this file")


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_links_folders_and_pipes_are_refused(source: Path, place: ShelfPlace, checks: Checks, kind: str) -> None:
    graph = source / "action.onnx"
    graph.rename(source.parent / "elsewhere.onnx")
    if kind == "link":
        graph.symlink_to(source.parent / "elsewhere.onnx")
    elif kind == "folder":
        graph.mkdir()
    else:
        os.mkfifo(graph)
    refused(source, place, checks, r"action\.onnx: a link or a folder; a bundle has only plain files")


def test_a_full_disk_is_said_before_it_is_full(
    source: Path, place: ShelfPlace, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(source)._replace(free=1_000_000)

    def usage(_: Path) -> object:
        return full

    monkeypatch.setattr(shutil, "disk_usage", usage)
    refused(source, place, checks, "1 MB are free.*bundle remove NAME makes room", RefusedError)


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    source: Path, place: ShelfPlace, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", fill_up)
    refused(source, place, checks, "cannot be put onto the shelf .*: No space left on device", RefusedError)


def test_two_do_not_change_a_shelf_at_once(place: ShelfPlace) -> None:
    with place.changing(), pytest.raises(RefusedError, match="another forerun bundle is changing it"), place.changing():
        pass


def test_what_a_killed_program_left_is_swept(bring: Bring, place: ShelfPlace) -> None:
    name = bring("1").name
    shutil.copytree(place.bundles / name, place.bundles / ".install-0123")
    shutil.copytree(place.bundles / name, place.bundles / ".gone-0123")
    (place.bundles / ".shelf.toml.77.tmp").write_text("half")
    with place.changing():
        pass
    assert sorted(path.name for path in place.bundles.iterdir()) == [".lock", name]


def test_names_may_be_short(bring: Bring, place: ShelfPlace) -> None:
    one, two = bring("1").name, bring("2").name
    assert place.find(one) == one
    differs = next(index for index in range(len(one)) if one[index] != two[index])
    assert place.find(one[: differs + 1]) == one
    with pytest.raises(RefusedError, match=f"'tiny' begins the names of .*{one}.*say which"):
        place.find("tiny")
    for name in ("", "huge", "../state"):
        with pytest.raises(RefusedError, match="there is no bundle"):
            place.find(name)


def test_who_is_in_charge_is_not_removed(bring: Bring, place: ShelfPlace) -> None:
    names = [bring(edition).name for edition in "1234"]
    shelf = Shelf(active=Entry(folder=names[0], trial="a"), previous=Entry(folder=names[1], trial="b"))
    kept = kept_names(place, shelf, names[2])
    for name, why in zip(names, ("it is in charge", "it is the previous one", "the robot file names it"), strict=False):
        with pytest.raises(RefusedError, match=f"{name} stays: {why}"):
            remove(place, name, kept)
    remove(place, names[3], kept)
    assert place.names() == sorted(names[:3])
