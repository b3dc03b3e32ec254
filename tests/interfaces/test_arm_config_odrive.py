"""What the robot file says of an ODrive axis, checked."""

from dataclasses import replace

import pytest

from bench.arm_rigs.odrive import odrive_config

CONFIG = odrive_config()


@pytest.mark.parametrize("key", ["turns_per_turn", "torque_max_nm", "torque_constant_nm_a"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_gear_and_motor_are_more_than_nothing(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        replace(CONFIG.joints[0], **{key: value})


@pytest.mark.parametrize("node_id", [-1, 63])
def test_an_axis_has_an_id_of_the_protocol(node_id: int) -> None:
    with pytest.raises(ValueError, match="node_id"):
        replace(CONFIG.joints[0], node_id=node_id)


def test_no_two_axes_have_one_id() -> None:
    with pytest.raises(ValueError, match="node_id"):
        replace(CONFIG, joints=(CONFIG.joints[0], replace(CONFIG.joints[1], node_id=CONFIG.joints[0].node_id)))
