"""The bundles of a robot: install, list, show, activate, rollback, remove, sign, keygen. docs/robot/bundles.md tells the whole way.

What is installed is checked on this very machine before it gets its name on the shelf; what is activated is checked again, tried on what
the robot sees, switched in at once, and on trial: a bundle that does not work gives way to the one before by itself.
Exit status: 0 done, 1 done with a fault that is said, 2 refused and nothing changed, 130 given up and nothing changed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interfaces.robot_config import RobotConfig
    from runtime.bundles.install import Checks
    from runtime.bundles.shelf_changes import ShelfPlace
    from runtime.policy.bundle import LoadedBundle

_SAMPLES = 20  # of a dry run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    shelf = argparse.ArgumentParser(add_help=False)
    shelf.add_argument("--shelf", type=Path, metavar="DIR", help="state folder; default that of the installed robot")
    robot = argparse.ArgumentParser(add_help=False)
    robot.add_argument("--robot", type=Path, metavar="FILE", help="robot file; default that of the installed robot")
    keys = argparse.ArgumentParser(add_help=False)
    keys.add_argument("--trusted-keys", type=Path, metavar="DIR", help="default /etc/forerun/trusted-keys")
    restart = argparse.ArgumentParser(add_help=False)
    restart.add_argument("--no-restart", action="store_true", help="leave the policy that runs as it is")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, purpose: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=purpose, description=purpose, parents=parents)

    install = action("install", "check a bundle on this machine, and put it onto the shelf", shelf, robot, keys)
    install.add_argument("path", type=Path, help="folder that forerun export wrote")
    install.add_argument(
        "--replace",
        action="store_true",
        help="in the place of a bundle of this name that is damaged, or signed otherwise",
    )
    listed = action("list", "what is on the shelf, and how it stands", shelf)
    listed.add_argument("--json", action="store_true", help="for programs")
    show = action("show", "what one bundle is, and whether it is whole", shelf, keys)
    show.add_argument("name", nargs="?", help="folder, or name on the shelf; default the one in charge")
    activate = action("activate", "put a bundle in charge, on trial", shelf, robot, keys, restart)
    activate.add_argument("name", help="on the shelf; its beginning is enough")
    activate.add_argument("--skip-dry-run", action="store_true", help="do not try it on what the robot sees")
    activate.add_argument("--dry-run-seconds", type=float, default=5.0, metavar="S", help="default 5")
    activate.add_argument("--folder", type=Path, help="working directory of the running policy; default /run/forerun")
    action("rollback", "put the bundle before in charge again", shelf, robot, restart)
    remove = action("remove", "take a bundle off the shelf", shelf, robot)
    remove.add_argument("name", help="on the shelf; its beginning is enough")
    sign = action("sign", "sign a bundle, where it was made")
    sign.add_argument("path", type=Path, help="folder that forerun export wrote")
    sign.add_argument("--key", type=Path, required=True, metavar="KEYFILE", help="private key, as keygen makes")
    keygen = action("keygen", "make a key to sign bundles with")
    keygen.add_argument("path", type=Path, metavar="KEYFILE", help="the private half; the public one is KEYFILE.pub")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "install": _install,
        "list": _list,
        "show": _show,
        "activate": _activate,
        "rollback": _rollback,
        "remove": _remove,
        "sign": _sign,
        "keygen": _keygen,
    }
    return actions[arguments.action](arguments)


def _install(arguments: argparse.Namespace) -> int:
    from runtime.bundles.install import install

    place, checks = _place(arguments), _checks(arguments)
    with place.changing():
        done = install(arguments.path, place, checks, replace=arguments.replace)
    if done.new:
        print(f"{done.name} is installed; forerun bundle activate {done.name} puts it in charge")
    else:
        print(f"{done.name} is on the shelf already, the very same")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from forerun.bundle_tables import as_json, table
    from runtime.bundles.listing import list_shelf

    place = _place(arguments)
    rows = list_shelf(place)
    print(as_json(rows) if arguments.json else table(rows, place.bundles))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from runtime.bundles.listing import bundle_at
    from runtime.bundles.showing import show
    from runtime.bundles.signature import read_trusted_keys

    text, whole = show(bundle_at(arguments.name, _place_if_any(arguments)), read_trusted_keys(_keys_folder(arguments)))
    print(text)
    return 0 if whole else 1


def _activate(arguments: argparse.Namespace) -> int:
    from runtime.bundles.activation import activate
    from runtime.bundles.run_choice import PASSED_AFTER_S, STARTS_MAX
    from runtime.bundles.shelf_changes import own_shelf

    place, checks = _place(arguments), _checks(arguments)
    with place.changing():
        name = place.find(arguments.name)
        before = _robot_bundle(arguments, place, checks.robot)
        was = own_shelf(place)
        shelf = activate(name, place, checks, _try_out(arguments, checks.robot), _now(), before=before)
    if shelf == was:
        return 0
    fallback = f"then {shelf.previous.folder} is run again" if shelf.previous else "there is none to fall back to"
    print(
        f"{name} is in charge, on trial: {PASSED_AFTER_S:.0f} s of work within {STARTS_MAX} starts; if not, {fallback}"
    )
    return _restart(arguments, place)


def _rollback(arguments: argparse.Namespace) -> int:
    from runtime.bundles.activation import roll_back
    from runtime.bundles.install import Checks
    from runtime.bundles.signature import TrustedKeys

    place = _place(arguments)
    with place.changing():
        shelf = roll_back(place, Checks(_robot(arguments), TrustedKeys(Path(), {}), _say), _now())
    print(f"{shelf.active.folder} is in charge again")
    return _restart(arguments, place)


def _remove(arguments: argparse.Namespace) -> int:
    from runtime.bundles.shelf_changes import kept_names, remove

    place = _place(arguments)
    with place.changing():
        name = place.find(arguments.name)
        robot_file = _robot_file(arguments)
        named = _robot_bundle(arguments, place, _robot(arguments)) if robot_file else None
        remove(place, name, kept_names(place, place.shelf(), named))
    print(f"{name} is removed")
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from runtime.bundles.signing import sign_bundle

    key = sign_bundle(arguments.path, arguments.key)
    print(f"{arguments.path} is signed with key {key}")
    return 0


def _keygen(arguments: argparse.Namespace) -> int:
    from runtime.bundles.signature import make_key

    public_file, key = make_key(arguments.path)
    print(
        f"made key {key}: keep {arguments.path} secret; {public_file} belongs into /etc/forerun/trusted-keys of your robots"
    )
    return 0


def _restart(arguments: argparse.Namespace, place: ShelfPlace) -> int:
    from runtime.bundles.policy_unit import restart_policy

    if arguments.no_restart:
        print("the policy that runs stays as it is, until its next start")
        return 0
    said, good = restart_policy(place.state)
    print(said)
    return 0 if good else 1


def _try_out(arguments: argparse.Namespace, robot: RobotConfig) -> Callable[[LoadedBundle], None]:
    """Return the dry run: what the running policy sees, if one runs, given to the new bundle."""
    import time

    from interfaces.installed import Installation
    from runtime.bundles.dry_run import dry_run
    from runtime.bundles.live_samples import live_samples, policy_answers

    run_folder = Installation().run
    folder: Path = arguments.folder or (run_folder if run_folder.is_dir() else Path())
    control = folder / robot.runtime.control_socket

    def try_out(bundle: LoadedBundle) -> None:
        if arguments.skip_dry_run:
            return _say("the dry run is left out, as you said")
        why_not = policy_answers(control)
        if why_not:
            return _say(f"the dry run on live pictures is left out: no policy runs ({why_not})")
        seconds: float = arguments.dry_run_seconds
        _say(f"dry run on what the robot sees, {seconds:g} s; nothing of it is sent ...")
        samples = live_samples(control, folder, len(robot.arm.joints), n_samples=_SAMPLES, seconds=seconds)
        return _say(f"dry run: {dry_run(bundle, robot, samples, time.monotonic_ns).told()}")

    return try_out


def _place(arguments: argparse.Namespace) -> ShelfPlace:
    from interfaces.errors import RefusedError

    place = _place_if_any(arguments)
    if place is None:
        raise RefusedError("no robot is installed on this machine; --shelf DIR says where the bundles lie")
    return place


def _place_if_any(arguments: argparse.Namespace) -> ShelfPlace | None:
    from interfaces.installed import Installation
    from runtime.bundles.shelf_changes import ShelfPlace

    installed = Installation().state
    state: Path | None = arguments.shelf or (installed if installed.is_dir() else None)
    return None if state is None else ShelfPlace(state)


def _checks(arguments: argparse.Namespace) -> Checks:
    from runtime.bundles.install import Checks
    from runtime.bundles.signature import read_trusted_keys

    return Checks(_robot(arguments), read_trusted_keys(_keys_folder(arguments)), _say)


def _keys_folder(arguments: argparse.Namespace) -> Path:
    from interfaces.installed import Installation

    return arguments.trusted_keys or Installation().trusted_keys


def _robot_file(arguments: argparse.Namespace) -> Path | None:
    from interfaces.installed import Installation

    installed = Installation().robot_file
    return arguments.robot or (installed if installed.is_file() else None)


def _robot(arguments: argparse.Namespace) -> RobotConfig:
    from interfaces.errors import RefusedError
    from interfaces.robot_config import load_robot

    path = _robot_file(arguments)
    if path is None:
        raise RefusedError("no robot is installed on this machine; --robot FILE says which one the bundle must fit")
    return load_robot(path)


def _robot_bundle(arguments: argparse.Namespace, place: ShelfPlace, robot: RobotConfig) -> str | None:
    """Return the name of the robot file's own bundle, where it lies on the shelf."""
    from runtime.policy.bundle import bundle_folder

    folder = bundle_folder(_robot_file(arguments) or Path(), robot).resolve()
    return folder.name if folder.parent == place.bundles.resolve() and folder.is_dir() else None


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _say(line: str) -> None:
    print(line, flush=True)
