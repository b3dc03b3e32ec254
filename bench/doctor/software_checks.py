"""Versions, judged: facts in, checks out. The table of what fits together stands here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.doctor.check import Check, Verdict, good_if, unreadable
from bench.doctor.packages import PackageFacts
from bench.doctor.software import SoftwareFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One JetPack that forerun was made for, and what comes with it."""

    jetpack: str
    l4t: tuple[str, ...]  # how its releases begin
    python: tuple[int, int]
    cuda: str
    tensorrt: tuple[str, ...]


RELEASES = (
    Release(jetpack="6.2", l4t=("36.4", "36.5"), python=(3, 10), cuda="12.6", tensorrt=("10.3",)),
    Release(jetpack="7.2", l4t=("39.2",), python=(3, 12), cuda="13.2", tensorrt=("10.16", "11.4")),
)
PYTHON_MIN, PYTHON_MAX = (3, 10), (3, 13)
_INSTALL = "`sudo ./install.sh install`"
_NAMED_MAX = 5


def software_checks(facts: SoftwareFacts, *, jetson: bool, libraries: Sequence[str] | None) -> list[Check]:
    """Return the checks; `libraries` are the files of librealsense that were loaded, None where nobody looked."""
    release = release_of(facts.l4t)
    board = [_jetpack(facts, release), _cuda(facts, release), *_tensorrt(facts, release)] if jetson else []
    packages = facts.packages
    return [
        *board, _python(facts, release), _pinned(packages), _opencv(packages), _numpy(packages),
        _librealsense(facts, libraries),
    ]  # fmt: skip


def release_of(l4t: str) -> Release | None:
    """Return the release that an L4T belongs to."""
    return next((each for each in RELEASES if any(_begins(l4t, known) for known in each.l4t)), None)


def _begins(version: str, known: str) -> bool:
    return version == known or version.startswith(f"{known}.")


def _jetpack(facts: SoftwareFacts, release: Release | None) -> Check:
    limit = " or ".join(f"JetPack {each.jetpack} (L4T {', '.join(each.l4t)})" for each in RELEASES)
    if not facts.l4t:
        return unreadable("JetPack", limit)
    older = facts.l4t.partition(".")[0] < "36"  # JetPack 5 has Python 3.8, which has no RealSense package
    return Check(
        name="JetPack",
        value=f"{release.jetpack if release else 'not one that was tried'} (L4T {facts.l4t})",
        limit=limit,
        verdict=Verdict.GOOD if release else Verdict.BAD if older else Verdict.WEAK,
        remedy="flash the board with one of these: `sdkmanager --cli`, on another computer",
    )


def _cuda(facts: SoftwareFacts, release: Release | None) -> Check:
    name, limit = "CUDA", f"{release.cuda}, of JetPack {release.jetpack}" if release else "that of the JetPack"
    if not facts.cuda or release is None:
        return unreadable(name, limit, facts.cuda or "not installed where JetPack puts it (/usr/local/cuda)")
    fits = _begins(facts.cuda, release.cuda)
    return Check(
        name=name, value=facts.cuda, limit=limit, verdict=good_if(fits), remedy="`sudo apt install nvidia-jetpack`"
    )


def _tensorrt(facts: SoftwareFacts, release: Release | None) -> list[Check]:
    limit = f"{' or '.join(release.tensorrt)}, of JetPack {release.jetpack}" if release else "that of the JetPack"
    fits = bool(release) and any(_begins(facts.tensorrt, known) for known in (release.tensorrt if release else ()))
    system = Check(
        name="TensorRT",
        value=facts.tensorrt or "not installed",
        limit=limit,
        verdict=good_if(fits),
        remedy="`sudo apt install tensorrt python3-libnvinfer`; without it inference runs on the processor",
    )
    seen = Check(
        name="TensorRT in Python",
        value=facts.tensorrt_of_python or "this Python does not see it",
        limit="the system's, of the same version",
        verdict=good_if(bool(facts.tensorrt_of_python) and facts.tensorrt_of_python.startswith(facts.tensorrt)),
        remedy=f"its environment must see the system's packages: {_INSTALL}, with the Python of the JetPack",
    )
    return [system, seen]


def _python(facts: SoftwareFacts, release: Release | None) -> Check:
    needed = f"{release.python[0]}.{release.python[1]}, of JetPack {release.jetpack}" if release else "3.10 to 3.13"
    fits = facts.python == release.python if release else PYTHON_MIN <= facts.python <= PYTHON_MAX
    return Check(
        name="Python",
        value=f"{facts.python[0]}.{facts.python[1]}",
        limit=needed,
        verdict=good_if(fits, Verdict.BAD),
        remedy=f"{_INSTALL} makes an environment with the system's Python",
    )


def _pinned(facts: PackageFacts) -> Check:
    name, limit = "packages", "the versions that were tested together"
    if not facts.pinned:
        return unreadable(name, limit, "the list of versions is not here")
    others = [
        f"{package} {version}, not {' or '.join(sorted(facts.pinned[package]))}"
        for package, version in sorted(facts.installed.items())
        if package in facts.pinned
        and version.partition("+")[0] not in facts.pinned[package]  # "+cpu": how it was built
    ]
    named = "; ".join(others[:_NAMED_MAX]) + (
        f"; and {len(others) - _NAMED_MAX} more" if len(others) > _NAMED_MAX else ""
    )
    known = sum(package in facts.pinned for package in facts.installed)
    return Check(
        name=name,
        value=named or f"{known} as pinned",
        limit=limit,
        verdict=good_if(not others),
        remedy=f"{_INSTALL}, or in a checkout `./install.sh`",
        figures={"others": float(len(others))},
    )


def _opencv(facts: PackageFacts) -> Check:
    return Check(
        name="OpenCV",
        value=" and ".join(facts.opencv) or "not installed",
        limit="one package of it",
        verdict=good_if(len(facts.opencv) < 2, Verdict.BAD),
        remedy=f"they overwrite each other: `pip uninstall -y {' '.join(facts.opencv)}`, then {_INSTALL}",
    )


def _numpy(facts: PackageFacts) -> Check:
    name, limit = "NumPy", "the pinned one is imported"
    if not facts.numpy:
        return unreadable(name, limit)
    version, folder = facts.numpy[0]
    hidden = [f"{other} in {where}" for other, where in facts.numpy[1:]]
    pinned = facts.pinned.get("numpy", frozenset({version}))
    return Check(
        name=name,
        value=f"{version} in {folder}" + (f", before {', '.join(hidden)}" if hidden else ""),
        limit=limit,
        verdict=good_if(version in pinned),
        remedy="`pip uninstall -y numpy` until none is left, then ./install.sh; `pip install --user` puts one before ours",
    )


def _librealsense(facts: SoftwareFacts, libraries: Sequence[str] | None) -> Check:
    inside = [library for library in libraries or () if "pyrealsense2" in library]
    outside = [library for library in libraries or () if "librealsense2" in library.rpartition("/")[2]]
    loaded = f"; loaded is {', '.join(outside or inside)}" if libraries else ""
    copies = ", ".join(facts.librealsense)
    return Check(
        name="librealsense",
        value=f"also {copies}{loaded}" if copies else f"once, in our own package{loaded}",
        limit="once, in our own package",
        verdict=Verdict.BAD if outside else good_if(not copies),
        remedy="`sudo apt purge 'librealsense2*' 'ros-*-librealsense2'`; one that was built by hand:"
        f" `sudo rm {' '.join(facts.librealsense)}`; and unset LD_LIBRARY_PATH",
        figures={"copies": float(len(facts.librealsense))},
    )
