"""What others may change is not read; what is read is what was looked at."""

import os
from pathlib import Path

import pytest

from interfaces.errors import BundleError
from interfaces.trusted_path import ANY_OWNER, Trust, read_trusted, require_trusted, require_trusted_folders

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file two folders deep, all as they should be."""
    folder = tmp_path / "shelf" / "one"
    folder.mkdir(parents=True)
    for path in (folder, folder.parent):
        path.chmod(0o755)
    (folder / "graph").write_bytes(b"graph")
    (folder / "graph").chmod(0o644)
    return folder / "graph"


def strict(file: Path) -> Trust:
    return Trust(root=file.parents[1])


@pytest.mark.parametrize("trusted_root", [False, True])
def test_what_only_its_owner_may_write_is_read(file: Path, trusted_root: bool) -> None:  # noqa: FBT001
    assert read_trusted(file, strict(file) if trusted_root else ANY_OWNER) == b"graph"


@pytest.mark.parametrize("above", [0, 1, 2])
def test_what_everybody_may_write_is_refused_up_to_the_root(file: Path, above: int) -> None:
    part = (file, *file.parents)[above]
    part.chmod(0o757 if above else 0o646)
    with pytest.raises(BundleError, match=rf"{part}: everybody may write it \(mode 0\d+\); not trusted. chmod o-w"):
        read_trusted(file, strict(file))


def test_what_lies_above_the_root_does_not_count(file: Path) -> None:
    file.parents[2].chmod(0o777)
    assert read_trusted(file, strict(file)) == b"graph"


@AS_ROOT
@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_group_may_not_write_it_unless_it_is_roots(file: Path, above: int) -> None:
    part = (file, *file.parents)[above]
    part.chmod(0o775 if above else 0o664)
    assert read_trusted(file, strict(file)) == b"graph"  # group 0
    os.chown(part, 0, 4242)
    with pytest.raises(BundleError, match=f"{part}: group 4242 may write it"):
        read_trusted(file, strict(file))


@AS_ROOT
@pytest.mark.parametrize("above", [0, 1, 2])
def test_it_belongs_to_root_or_to_who_runs_it(file: Path, above: int) -> None:
    part = (file, *file.parents)[above]
    os.chown(part, 4242, 0)
    with pytest.raises(BundleError, match=rf"{part}: belongs to user 4242, neither root nor this user \(0\)"):
        read_trusted(file, strict(file))


@AS_ROOT
def test_a_checkout_of_ones_own_is_read(file: Path) -> None:
    """Umask 002, another user's files read by root (sudo): fine, but for what everybody may write."""
    os.chown(file, 4242, 4242)
    file.chmod(0o664)
    assert read_trusted(file, ANY_OWNER) == b"graph"
    file.chmod(0o666)
    with pytest.raises(BundleError, match="everybody may write it"):
        read_trusted(file, ANY_OWNER)


def test_links_are_followed_in_a_checkout_only(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    assert read_trusted(link, ANY_OWNER) == b"graph"
    with pytest.raises(BundleError, match="link: is a link; not trusted"):
        read_trusted(link, strict(file))


def test_a_folder_that_is_a_link_is_refused(file: Path) -> None:
    linked = file.parents[1] / "linked"
    linked.symlink_to(file.parent)
    with pytest.raises(BundleError, match="linked: is a link or no folder"):
        read_trusted(linked / "graph", strict(file))


def test_the_root_itself_may_be_reached_by_a_link(file: Path) -> None:
    root = file.parents[2] / "way"
    root.symlink_to(file.parents[1])
    assert read_trusted(root / "one/graph", Trust(root=root)) == b"graph"


def test_what_lies_elsewhere_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not lie below"):
        read_trusted(tmp_path / "graph", strict(file))
    with pytest.raises(BundleError, match="does not lie below"):
        require_trusted_folders(file.parents[1] / ".." / "elsewhere", strict(file))


@pytest.mark.parametrize("trusted_root", [False, True])
def test_a_pipe_is_refused_and_not_waited_for(file: Path, trusted_root: bool) -> None:  # noqa: FBT001
    os.mkfifo(file.with_name("pipe"), 0o600)
    with pytest.raises(BundleError, match="pipe: is no plain file"):
        read_trusted(file.with_name("pipe"), strict(file) if trusted_root else ANY_OWNER)


def test_a_file_too_large_is_refused(file: Path) -> None:
    with pytest.raises(BundleError, match="5 bytes; expected at most 4"):
        read_trusted(file, ANY_OWNER, 4)


def test_a_missing_file_is_the_callers_to_tell(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_trusted(file.with_name("none"), strict(file))


@pytest.mark.parametrize(("mode", "uid", "gid", "good"), [
    (0o644, 0, 0, True), (0o664, 0, 0, True), (0o664, 0, 7, False), (0o644, 7, 7, False), (0o644, os.geteuid(), 7, True),
    (0o646, 0, 0, False), (0o1777, 0, 0, False),
])  # fmt: skip
def test_the_rule(mode: int, uid: int, gid: int, good: bool) -> None:  # noqa: FBT001
    status = os.stat_result((0o100000 | mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))
    if good:
        require_trusted(Path("it"), status, Trust(root=Path("/")))
    else:
        with pytest.raises(BundleError, match="not trusted"):
            require_trusted(Path("it"), status, Trust(root=Path("/")))
