"""What the tests of the shelf share: a shelf, what is checked there, and bundles to bring."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.bundle_rig import make_bundle
from interfaces.robot_config import RobotConfig
from runtime.bundles.install import Checks, Installed, install
from runtime.bundles.shelf_changes import ShelfPlace
from runtime.bundles.signature import TrustedKeys


@pytest.fixture
def place(tmp_path: Path) -> ShelfPlace:
    """An empty shelf."""
    return ShelfPlace(tmp_path / "state")


@pytest.fixture
def said() -> list[str]:
    """What was told meanwhile."""
    return []


@pytest.fixture
def checks(robot: RobotConfig, tmp_path: Path, said: list[str]) -> Checks:
    """What is asked of a bundle here; no key is trusted."""
    return Checks(robot, TrustedKeys(tmp_path / "keys", {}), said.append)


@pytest.fixture
def bring(place: ShelfPlace, checks: Checks, tmp_path: Path) -> Callable[..., Installed]:
    """Brings an edition of the tiny bundle onto the shelf."""

    def bring(edition: str, *, replace: bool = False) -> Installed:
        source = tmp_path / f"edition-{edition}"
        if not source.exists():
            make_bundle(source, edition)
        with place.changing():
            return install(source, place, checks, replace=replace)

    return bring
