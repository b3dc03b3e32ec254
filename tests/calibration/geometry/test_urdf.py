"""Chains out of URDF texts."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from calibration.geometry import program
from calibration.geometry.chain import Chain
from calibration.geometry.transforms import rotation_about
from calibration.geometry.urdf import chain_from_urdf
from interfaces.chain_config import ChainConfig
from interfaces.errors import ConfigError
from interfaces.toml_loader import from_table, read_toml

ARM = """<?xml version="1.0"?><robot name="arm">
<link name="base"/><link name="a"/><link name="b"/><link name="c"/><link name="tip"/><link name="finger"/>
<joint name="stand" type="fixed"><parent link="base"/><child link="a"/><origin xyz="0 0 0.1" rpy="0 0 1.5707963267948966"/></joint>
<joint name="j1" type="revolute"><parent link="a"/><child link="b"/><origin xyz="0.1 0 0" rpy="0.3 -0.2 0.5"/>
 <axis xyz="0 0 2"/><limit lower="-1" upper="1" effort="1" velocity="1"/></joint>
<joint name="j2" type="continuous"><parent link="b"/><child link="c"/><origin xyz="0 0.2 0"/></joint>
<joint name="flange" type="fixed"><parent link="c"/><child link="tip"/><origin xyz="0 0 0.05" rpy="0 1 0"/></joint>
<joint name="slider" type="prismatic"><parent link="c"/><child link="finger"/></joint>
</robot>"""


def by_hand(q1: float, q2: float) -> np.ndarray:
    """The tip of ARM, written out."""
    turn_z = rotation_about(np.array([0, 0, np.pi / 2]))
    rpy = (
        rotation_about(np.array([0, 0, 0.5]))
        @ rotation_about(np.array([0, -0.2, 0]))
        @ rotation_about(np.array([0.3, 0, 0]))
    )
    hand = rotation_about(np.array([q2, 0, 0])) @ np.array([0, 0, 0.05]) + [0, 0.2, 0]
    return turn_z @ (rpy @ rotation_about(np.array([0, 0, q1])) @ hand + [0.1, 0, 0]) + [0, 0, 0.1]


def test_the_tip_is_where_the_urdf_says() -> None:
    config = chain_from_urdf(ARM, "arm.urdf", base="base", tip="tip", names={"j2": "wrist"})
    chain = Chain(config, ("gripper", "j1", "wrist"))
    assert [link.joint for link in config.links] == ["j1", "wrist"]
    for q1, q2 in ((0.0, 0.0), (0.7, -0.4), (-2.0, 3.0)):
        np.testing.assert_allclose(chain.tip(np.array([9.0, q1, q2])), by_hand(q1, q2), atol=1e-11)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<robot", "XML"),
        ("<sdf/>", "expected robot"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><robot name="&b;"/>', "DOCTYPE"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><robot/>', "DOCTYPE"),
        (ARM.replace('xyz="0 0.2 0"', 'xyz="0 0.2"'), "three numbers"),
        (ARM.replace('xyz="0 0 2"', 'xyz="0 0 nan"'), "three numbers"),
        (ARM.replace('xyz="0 0 2"', 'xyz="0 0 0"'), "a direction"),
        (ARM.replace('"continuous"', '"planar"'), "planar"),
        (ARM.replace('<parent link="a"/>', '<parent link="tip"/>'), "two links above one another"),
    ],
)
def test_what_is_no_chain_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        chain_from_urdf(text, "arm.urdf", base="base", tip="tip")


def test_links_beside_one_another_and_sliding_joints_are_refused() -> None:
    with pytest.raises(ConfigError, match="finger"):
        chain_from_urdf(ARM, "arm.urdf", base="tip", tip="finger")
    with pytest.raises(ConfigError, match="prismatic"):
        chain_from_urdf(ARM, "arm.urdf", base="base", tip="finger")


def test_the_command_prints_a_table_that_the_loader_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "arm.urdf").write_text(ARM)
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    options = [str(tmp_path / "arm.urdf"), "--base", "base", "--tip", "tip", "--joint", "j1=pan"]
    assert program.run(parser.parse_args(options)) == 0
    (tmp_path / "robot.toml").write_text(capsys.readouterr().out)
    printed = from_table(read_toml(tmp_path / "robot.toml")["chain"], ChainConfig, "robot.toml")
    assert printed == chain_from_urdf(ARM, "arm.urdf", base="base", tip="tip", names={"j1": "pan"})
    with pytest.raises(ConfigError, match="URDF=ROBOT"):
        program.run(parser.parse_args([*options, "--joint", "j2"]))
