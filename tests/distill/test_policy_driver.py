"""A policy that drives: what it does depends on what it sees and where the arm is, and on nothing that it drove before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from distill.policy_driver import PolicyDriver
from models.small_policy import SmallPolicy, SmallPolicyConfig, save_policy

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
