"""A task of Meta-World's shape without its package: a point that draws a hand along, and a thing to get to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from sim.metaworld.targets import ACTION_M
from sim.mujoco_headless import mujoco

_SCENE = """
<mujoco><worldbody>
  <geom name="floor" type="plane" size="2 2 0.1" rgba="0.5 0.5 0.5 1"/>
  <light pos="0 0 2"/>
  <body name="hand" mocap="true" pos="0 0.6 0.2"><geom type="sphere" size="0.04" rgba="0.9 0.1 0.1 1"/></body>
</worldbody></mujoco>
"""
REACHED_M = 0.02


class FakeTask:
    """Success where the hand is within 20 mm of a thing drawn by seed; the hand covers a quarter of the way to the point a step."""

    def __init__(self) -> None:
        self.model = mujoco.MjModel.from_xml_string(_SCENE)
        self.data = mujoco.MjData(self.model)
        self.actions: list[Any] = []
        self._rng = np.random.default_rng()

    def seed(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def reset(self) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.hand_m = self.data.mocap_pos[0].copy()
        self.thing_m = self._rng.uniform((-0.1, 0.7, 0.1), (0.1, 0.9, 0.2))

    def step(self, action: Any) -> tuple[Any, ...]:
        assert action.shape == (4,)
        assert np.abs(action).max() <= 1.0
        self.actions.append(action)
        self.data.mocap_pos[0] += ACTION_M * action[:3]
        self.hand_m = self.hand_m + 0.25 * (self.data.mocap_pos[0] - self.hand_m)
        mujoco.mj_forward(self.model, self.data)
        succeeded = np.linalg.norm(self.hand_m - self.thing_m) < REACHED_M
        return self._get_obs(), 0.0, False, False, {"success": float(succeeded)}

    def _get_obs(self) -> Any:
        seen = np.zeros(39)
        seen[:3], seen[3], seen[4:7], seen[-3:] = self.hand_m, 1.0, self.thing_m, self.thing_m
        return seen


class FakeExpert:
    """Goes straight to the thing; writes into what it is shown, as some of the package's do."""

    def get_action(self, obs: Any) -> Any:
        action = np.append(25.0 * (obs[4:7] - obs[:3]), 1.0)
        obs[4] = np.nan
        return action


def fake_package(name: str) -> Any:
    """Return a stand-in for one of the package's modules."""
    tasks = {f"{task}-v3": FakeTask for task in ("drawer-close", "door-open")}
    experts = {"SawyerDrawerCloseV3Policy": FakeExpert, "SawyerDoorOpenV3Policy": FakeExpert}
    return SimpleNamespace(ALL_V3_ENVIRONMENTS=tasks, **experts) if name.startswith("metaworld.") else None
