"""A policy that drives: what it does depends on what it sees and where the arm is, and on nothing that it drove before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from distill.policy_driver import PolicyDriver
from models.families import FAMILIES, Family, save_policy
from models.small_policy import SmallPolicy, SmallPolicyConfig
from tests.distill.family.toy_family import ToyConfig, ToyPolicy

TASKS = ("reach", "push")


def driver_at(path: Path) -> PolicyDriver:
    torch.manual_seed(0)
    config = SmallPolicyConfig(
        joints=("pan", "grip"), instructions=TASKS, horizon=4, step_ms=50.0, first_ms=50.0, foresight_age_max_ms=400.0
    )
    save_policy(SmallPolicy(config).eval(), path)
    return PolicyDriver(TASKS, path, tick_s=0.05)


def episode(driver: PolicyDriver, start_rad: float) -> NDArray[np.float64]:
    """Return five targets (5, joint) of an episode in which the arm goes where it is told."""
    rgb = np.full((240, 240, 3), 90, np.uint8)
    driver.begin()
    targets = [np.full(2, start_rad)]
    for _ in range(5):
        targets.append(driver.target(targets[-1], rgb, "push"))
    return np.stack(targets[1:])


def test_an_episode_does_not_depend_on_those_before_it(tmp_path: Path) -> None:
    fresh, used = (driver_at(tmp_path / f"{name}.pt") for name in ("fresh", "used"))
    episode(used, 0.5)
    np.testing.assert_array_equal(episode(fresh, 0.1), episode(used, 0.1))


def test_noise_is_another_where_the_arm_is_elsewhere(tmp_path: Path) -> None:
    driver = driver_at(tmp_path / "policy.pt")
    off = [episode(driver, start_rad)[0] - start_rad for start_rad in (0.1, 0.1 + 1e-9)]
    assert np.abs(off[0] - off[1]).max() > 1e-3


class Watching(ToyPolicy):
    """Remembers how bright the frames were that it was shown."""

    shown: list[list[float]] = []  # noqa: RUF012 - of all instances: the driver makes its own

    @override
    def context(self, rgb: Tensor, instruction: Tensor) -> Tensor:
        self.shown.append([float(frame.float().mean()) for frame in rgb[0]])
        return super().context(rgb, instruction)


def test_a_policy_with_a_history_sees_the_past_of_its_own_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, "watching", Family(ToyConfig, Watching))
    monkeypatch.setattr(Watching, "shown", [])
    config = ToyConfig(joints=("pan", "grip"), instructions=TASKS, horizon=4, n_history=3, history_step_ms=70.0)
    save_policy(Watching(config), tmp_path / "policy.pt")
    driver = PolicyDriver(TASKS, tmp_path / "policy.pt", tick_s=0.05)
    for first in (10, 100):
        driver.begin()
        for tick in range(6):
            driver.target(np.zeros(2), np.full((24, 24, 3), first + tick, np.uint8), "push")
    # A decision every other tick; of 70 and 140 ms ago: the newest frames that are at least so old are 2 and 3 ticks back.
    assert Watching.shown == [
        [10, 10, 10], [10, 10, 12], [11, 12, 14], [100, 100, 100], [100, 100, 102], [101, 102, 104],
    ]  # fmt: skip
