"""sudo ./install.sh below a folder: installed twice, upgraded, failed, cut off, rolled back, removed; trees compared each time."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.provision.install_rig import (
    PATIENCE_S,
    Tree,
    bare_tree,
    command,
    differing,
    install,
    kill_when,
    make_checkout,
    make_wheels,
    tree_of,
    why_not_here,
)

WHY_NOT = why_not_here()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

CHANGED = {"runtime/service/notifier.py": "\n# Another version.\n"}
BROKEN = {"runtime/command/gate.py": '\nraise ImportError("a version that is broken")\n'}


@dataclass(frozen=True)
class Workshop:
    """Checkouts with their wheels, and a tree in which the first is installed."""

    folder: Path
    before: Tree  # the bare tree
    installed: Path

    def copy(self, name: str) -> Path:
        """Return a copy of the installed tree."""
        copy = self.folder / name
        subprocess.run(["cp", "-a", str(self.installed), str(copy)], check=True)
        return copy

    def run(self, root: Path, action: str, version: str = "first", *more: str) -> subprocess.CompletedProcess[str]:
        """Run install.sh on a tree."""
        return install(self.folder / version, *self.options(root, action, version), *more)

    def options(self, root: Path, action: str, version: str) -> list[str]:
        """Return what install.sh is told."""
        wheels = ["--wheels", str(self.folder / f"{version}-wheels")] if action in {"install", "upgrade"} else []
        return [action, "--root", str(root), *wheels]

    def kill_upgrade(self, root: Path, said: str, how: signal.Signals = signal.SIGKILL) -> str:
        """Start an upgrade, and kill it as soon as it says so; return what it said then."""
        upgrade = command(self.folder / "second", *self.options(root, "upgrade", "second"))
        return kill_when(upgrade, self.folder, said, how)  # what a killed one leaves goes with the workshop


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    """Make them; in a folder that the service's user may enter, as pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="forerun-install-test."))
    folder.chmod(0o755)
    try:
        for name, changes in {"first": {}, "second": CHANGED, "broken": BROKEN}.items():
            checkout = make_checkout(folder / name, changes)
            if name == "second":
                (checkout / "systemd/forerun-page.service").unlink()
            make_wheels(checkout, folder / f"{name}-wheels")
        root = bare_tree(folder / "installed")
        made = Workshop(folder=folder, before=tree_of(root), installed=root)
        done = made.run(root, "install", "first", "--robot", str(folder / "first/robots/simulated.toml"))
        assert done.returncode == 0, done.stdout + done.stderr
        yield made
    finally:
        shutil.rmtree(folder)


def current(root: Path, link: str = "current") -> str:
    return (root / "opt/forerun" / link).readlink().name


def test_everything_lies_where_it_should(workshop: Workshop) -> None:
    root = workshop.installed
    version = root / "opt/forerun/versions" / current(root)
    uid = next(
        line.split(":")[2] for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("forerun:")
    )
    modes = {
        path: (oct(found.st_mode & 0o7777), found.st_uid)
        for path in ("opt/forerun", "etc/forerun", "var/lib/forerun", "var/lib/forerun/bundles", "var/lib/forerun/flight",
                     "var/lib/forerun/trials", "var/cache/forerun/engines", "run/forerun")
        for found in [(root / path).stat()]
    }  # fmt: skip
    roots, services = ("0o755", 0), ("0o750", int(uid))
    assert list(modes.values()) == [roots, roots, roots, roots, services, services, roots, services]
    assert {each.name for each in version.iterdir()} >= {"venv", "systemd", "robots", "VERSION", "complete"}
    assert str((root / "usr/local/bin/forerun").readlink()) == "/opt/forerun/current/venv/bin/forerun"
    assert str((root / "etc/forerun/bundles").readlink()) == "/var/lib/forerun/bundles"
    assert (root / "etc/systemd/system/forerun-command.service").is_file()
    assert (root / "etc/systemd/system/multi-user.target.wants/forerun.target").is_symlink()
    assert (root / "var/lib/forerun/bundles/shelf.toml").is_file(), "the bundle that the robot file names is in charge"


def test_nothing_of_the_code_is_for_others_to_write_and_no_file_names_the_folder_of_its_making(
    workshop: Workshop,
) -> None:
    code = workshop.installed / "opt/forerun"
    foreign = [
        path
        for path in code.rglob("*")
        if not path.is_symlink() and (path.stat().st_uid or path.stat().st_mode & 0o022)
    ]
    assert not foreign
    scripts = [path for path in (code / "current/venv/bin").iterdir() if path.is_file() and not path.is_symlink()]
    assert scripts
    assert not [path for path in scripts if str(workshop.folder).encode() in path.read_bytes()]


def test_a_second_installation_changes_nothing(workshop: Workshop) -> None:
    before = tree_of(workshop.installed, times=True)
    done = workshop.run(workshop.installed, "install")
    assert done.returncode == 0, done.stderr
    assert "Nothing to do" in done.stdout
    assert not differing(before, tree_of(workshop.installed, times=True))


def test_a_dry_run_says_what_it_would_do_and_does_nothing(workshop: Workshop) -> None:
    root = bare_tree(workshop.folder / "dry")
    before = tree_of(root, times=True)
    done = workshop.run(root, "install", "first", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "would build version" in done.stdout
    assert "would write /etc/systemd/system/forerun-command.service" in done.stdout
    assert not differing(before, tree_of(root, times=True))


def test_an_upgrade_takes_away_what_the_new_version_lacks_and_a_rollback_brings_it_back(workshop: Workshop) -> None:
    root = workshop.copy("upgraded")
    first, before = current(root), tree_of(root)
    page = root / "etc/systemd/system/forerun-page.service"
    done = workshop.run(root, "upgrade", "second")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (current(root), current(root, "previous")) != (first, first)
    assert current(root, "previous") == first
    assert not page.exists()
    assert "forerun-page.service" not in (root / "opt/forerun/installed-files").read_text()
    back = workshop.run(root, "rollback", "second")
    assert back.returncode == 0, back.stdout + back.stderr
    assert current(root) == first
    assert page.exists()
    outside = [path for path in differing(before, tree_of(root)) if not path.startswith("/opt/forerun")]
    assert not outside


def test_a_version_that_fails_its_self_test_leaves_no_trace(workshop: Workshop) -> None:
    root = workshop.copy("failed")
    before = tree_of(root)
    done = workshop.run(root, "upgrade", "broken")
    assert done.returncode == 1
    assert "a version that is broken" in done.stdout
    assert "failed its self-test and was removed" in done.stderr
    assert not differing(before, tree_of(root))


def test_killed_at_any_step_the_next_run_completes_it(workshop: Workshop) -> None:
    root = workshop.copy("killed")
    first = current(root)
    for said in ("build version", "its Python", "Self-test"):
        workshop.kill_upgrade(root, said)
        assert current(root) == first, f"killed at {said!r}, it had switched to what was never tested"
    said = workshop.kill_upgrade(root, "link /opt/forerun/current", signal.SIGTERM)
    assert current(root) == first, f"interrupted in the middle of the switch, it did not go back: {said}"
    assert f"Back to version {first}" in said
    workshop.kill_upgrade(root, "link /opt/forerun/current")
    done = workshop.run(root, "upgrade", "second")
    assert done.returncode == 0, done.stdout + done.stderr
    assert current(root) != first
    assert current(root, "previous") == first
    assert not (root / "opt/forerun/switching").exists()
    assert not (root / "etc/systemd/system/forerun-page.service").exists()
    again = workshop.run(root, "install", "second")
    assert "Nothing to do" in again.stdout


def test_interrupted_in_the_middle_of_the_switch_it_goes_back(workshop: Workshop) -> None:
    root = workshop.copy("interrupted")
    first = current(root)
    note = "old {0}\nolder \nnew nothing\nrunning no\n"
    (root / "opt/forerun/switching").write_text(note.format(first))
    done = workshop.run(root, "install")
    assert done.returncode == 0, done.stderr
    assert "was cut off before it happened" in done.stdout
    assert current(root) == first
    assert not (root / "opt/forerun/switching").exists()


def test_removed_all_is_as_before_but_what_belongs_to_people(workshop: Workshop) -> None:
    root = workshop.copy("removed")
    (root / "var/lib/forerun/flight/a.mcap").write_text("a flight")
    robot = (root / "etc/forerun/robot.toml").read_bytes()
    done = workshop.run(root, "uninstall")
    assert done.returncode == 0, done.stdout + done.stderr
    left = differing(workshop.before, tree_of(root))
    assert left
    assert all(path.startswith(("/etc/forerun", "/var/lib/forerun")) for path in left), left
    assert (root / "etc/forerun/robot.toml").read_bytes() == robot
    assert (root / "var/lib/forerun/flight/a.mcap").stat().st_uid == 0, "its owner is gone"


def test_a_purge_needs_a_typed_yes_and_leaves_nothing(workshop: Workshop) -> None:
    root = workshop.copy("purged")
    line = command(workshop.folder / "first", "uninstall", "--purge", "--root", str(root))
    refused = subprocess.run(line, input="y\n", capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert refused.returncode == 2
    assert (root / "etc/forerun/robot.toml").exists()
    done = subprocess.run(line, input="yes\n", capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert not differing(workshop.before, tree_of(root))


def test_a_persons_robot_file_and_disabled_unit_stay(workshop: Workshop) -> None:
    root = workshop.copy("kept")
    robot, link = root / "etc/forerun/robot.toml", root / "etc/systemd/system/multi-user.target.wants/forerun.target"
    robot.write_text(robot.read_text() + "# mine\n")
    link.unlink()
    done = workshop.run(root, "install", "first", "--robot", str(workshop.folder / "first/robots/simulated.toml"))
    assert done.returncode == 0, done.stderr
    assert "kept yours" in done.stdout
    assert robot.read_text().endswith("# mine\n")
    assert not link.is_symlink()


def test_a_robot_file_that_does_not_load_is_not_taken(workshop: Workshop, tmp_path: Path) -> None:
    root, wrong = workshop.copy("wrong"), tmp_path / "wrong.toml"
    (root / "etc/forerun/robot.toml").unlink()
    wrong.write_text("format = 1\nname = 7\n")
    done = workshop.run(root, "install", "first", "--robot", str(wrong))
    assert done.returncode == 1
    assert "wrong.toml: name is 7; expected" in done.stderr
    assert f"{wrong} is refused" in done.stderr
    assert not (root / "etc/forerun/robot.toml").exists()


def test_a_file_in_the_way_that_is_not_ours_is_left_alone(workshop: Workshop) -> None:
    root = workshop.copy("in-the-way")
    link = root / "usr/local/bin/forerun"
    manifest = root / "opt/forerun/installed-files"
    manifest.write_text(manifest.read_text().replace("link /usr/local/bin/forerun\n", ""))
    link.unlink()
    link.write_text("another forerun")
    done = workshop.run(root, "install")
    assert done.returncode == 1
    assert "/usr/local/bin/forerun is there, and forerun did not make it" in done.stderr
    assert link.read_text() == "another forerun"


def test_a_wheel_that_was_changed_is_refused(workshop: Workshop) -> None:
    root, wheels = bare_tree(workshop.folder / "refused"), workshop.folder / "changed-wheels"
    shutil.copytree(workshop.folder / "first-wheels", wheels)
    with next(wheels.glob("test_environment*")).open("ab") as wheel:
        wheel.write(b"x")
    before = tree_of(root)
    done = install(workshop.folder / "first", "install", "--root", str(root), "--wheels", str(wheels))
    assert done.returncode == 1
    assert "a wheel is not what it was" in done.stderr
    assert not differing(before, tree_of(root))


def test_wheels_of_another_checkout_are_refused(workshop: Workshop) -> None:
    root, wheels = bare_tree(workshop.folder / "other"), workshop.folder / "second-wheels"
    done = install(workshop.folder / "first", "install", "--root", str(root), "--wheels", str(wheels))
    assert done.returncode == 1
    assert "another state of this checkout" in done.stderr


def test_only_one_at_a_time(workshop: Workshop) -> None:
    root = workshop.installed
    with subprocess.Popen(["flock", "--no-fork", str(root), "sleep", "60"]) as holder:
        while subprocess.run(["flock", "-n", str(root), "true"], check=False).returncode == 0:
            pass
        done = workshop.run(root, "install")
        holder.kill()
    assert done.returncode == 1
    assert "another install.sh is at work" in done.stderr
