"""Heat, supply and push beyond a limit for longer than the patience: named; what a motor does not tell is no fault."""

from pathlib import Path

import numpy as np
import pytest

from interfaces.messages import JointState
from interfaces.robot_config import load_robot
from runtime.command.limit_watch import LimitWatch

ARM = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").arm
PATIENCE_NS = round(ARM.limit_patience_ms * 1e6)
N_JOINTS = len(ARM.joints)


def joints(**told: list[float]) -> JointState:
    values = {
        key: np.full(N_JOINTS, default)
        for key, default in {"effort_ratio": 0.1, "voltage_v": 12.0, "temperature_degc": 30.0}.items()
    }
    for key, numbers in told.items():
        values[key] = np.array(numbers)
    zeros = np.zeros(N_JOINTS)
    return JointState(t_measured_ns=0, position_rad=zeros, velocity_rad_s=zeros, **values)


def judge(state: JointState, after_ns: int = PATIENCE_NS + 1) -> str | None:
    watch = LimitWatch(ARM)
    assert watch.exceeded(state, 0) is None
    return watch.exceeded(state, after_ns)


NAN = float("nan")
HOT = [30.0, 30.0, 80.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (joints(temperature_degc=HOT), "elbow_flex is at 80 degC"),
        (joints(temperature_degc=[NAN, NAN, 80.0, NAN, 30.0, NAN]), "elbow_flex is at 80 degC"),
        (joints(voltage_v=[12.0, 8.0, 12.0, 12.0, 12.0, 12.0]), "shoulder_lift has 8.0 V"),
        (joints(voltage_v=[NAN, 8.0, NAN, NAN, NAN, NAN]), "shoulder_lift has 8.0 V"),
        (joints(effort_ratio=[0.0, 0.0, 0.0, -0.95, 0.0, 0.0]), "wrist_flex pushes with 95%"),
    ],
)
def test_the_joint_that_is_beyond_a_limit_is_named(state: JointState, said: str) -> None:
    assert said in (judge(state) or "")
    assert judge(state, PATIENCE_NS) is None


def test_what_no_motor_tells_is_no_fault() -> None:
    assert judge(joints(voltage_v=[NAN] * N_JOINTS, temperature_degc=[NAN] * N_JOINTS)) is None


def test_a_moment_within_the_limits_begins_the_patience_anew() -> None:
    watch = LimitWatch(ARM)
    watch.exceeded(joints(temperature_degc=HOT), 0)
    watch.exceeded(joints(), PATIENCE_NS)
    assert watch.exceeded(joints(temperature_degc=HOT), 2 * PATIENCE_NS) is None
    assert watch.exceeded(joints(temperature_degc=HOT), 3 * PATIENCE_NS + 1) is not None
