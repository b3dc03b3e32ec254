"""The tables [chain] of the robot files, against MuJoCo's models and our own kinematics."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from calibration.geometry.chain import Chain, chain_of
from interfaces.robot_config import load_robot
from sim.chain_table import chain_from_site, so101_chain, yam_chain
from sim.kinematics import so101_kinematics

ROBOTS = Path(__file__).parents[2] / "robots"
RNG = np.random.default_rng(7)
AWKWARD = """<mujoco><worldbody>
<body name="base" pos="0.1 0 0.2" euler="0 0 30">
 <body name="arm" pos="0 0 0.1" euler="20 0 0"><joint name="a" axis="0 1 1" pos="0.01 0.02 0"/><geom size="0.1"/>
  <body name="bracket" pos="0.2 0 0">
   <body name="hand" pos="0 0.1 0" euler="0 40 0"><joint name="b" axis="1 0 0"/><joint name="c" axis="0 0 -2" pos="0 0 0.03"/>
    <geom size="0.1"/><site name="tip" pos="0.05 0 0.02"/></body></body></body></body>
</worldbody></mujoco>"""


@pytest.mark.parametrize("name", ["so101", "simulated"])
def test_the_so101s_table_agrees_with_the_simulators_kinematics(name: str) -> None:
    chain, kinematics = chain_of(load_robot(ROBOTS / f"{name}.toml")), so101_kinematics()
    low_rad, high_rad = kinematics.limits_rad.T
    joints_rad = RNG.uniform(low_rad, high_rad, (50, 6))
    np.testing.assert_allclose(chain.tips(joints_rad), kinematics.tip_path(joints_rad), atol=1e-9)
    hands = chain.base_from_hands(joints_rad)[:, :3, :3]
    for position_rad, turn in zip(joints_rad, hands, strict=True):
        np.testing.assert_allclose(turn, kinematics.tip_pose(position_rad).base_from_hand, atol=1e-9)


@pytest.mark.parametrize(("name", "chain"), [("so101", so101_chain()), ("yam", yam_chain())])
def test_the_tables_are_what_the_generator_prints(name: str, chain: object) -> None:
    assert load_robot(ROBOTS / f"{name}.toml").chain == chain


def test_a_model_with_shifted_joints_two_in_one_body_and_a_base_that_stands_askew() -> None:
    model = mujoco.MjSpec.from_string(AWKWARD).compile()
    chain = Chain(chain_from_site(model, "base", "tip", {"a": "shoulder"}), ("shoulder", "b", "c"))
    data = mujoco.MjData(model)
    for _ in range(5):
        data.qpos[:] = RNG.uniform(-2, 2, 3)
        mujoco.mj_kinematics(model, data)
        base = data.body("base")
        expected = base.xmat.reshape(3, 3).T @ (data.site("tip").xpos - base.xpos)
        np.testing.assert_allclose(chain.tip(data.qpos), expected, atol=1e-9)


def test_a_joint_that_slides_is_refused() -> None:
    model = mujoco.MjSpec.from_string(AWKWARD.replace('name="b"', 'name="b" type="slide"')).compile()
    with pytest.raises(ValueError, match="joint b does not turn"):
        chain_from_site(model, "base", "tip")
