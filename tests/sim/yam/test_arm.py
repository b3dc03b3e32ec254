"""The real driver on the emulated motors of the simulated YAM, in lockstep: it holds, follows, and learns what gravity takes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.damiao.arm import DamiaoArm
from interfaces.arm_config import DamiaoConfig
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from sim.can.bus import CanBus
from sim.can.lockstep import LockstepCan
from sim.can.nodes import make_nodes
from sim.yam.arm import yam_nodes
from sim.yam.links import HOME_RAD
from sim.yam.motors import YamMotors

ARM = load_robot(Path(__file__).parents[3] / "robots" / "yam.toml").arm
assert isinstance(ARM, DamiaoConfig)
CONFIG: DamiaoConfig = ARM
PERIOD_NS = CONFIG.period_ns
Errors = NDArray[np.float64]  # (cycle, joint)


class Bench:
    """The YAM at home, held by its driver; with springs alone where `learns` is not set."""

    def __init__(self, *, learns: bool = True) -> None:
        joints = tuple(joint if learns else replace(joint, integral_time_s=None) for joint in CONFIG.joints)
        self.motors = YamMotors(HOME_RAD)
        self.t_ns = 10**9
        self.port = LockstepCan(CanBus(yam_nodes(self.motors)), lambda: self.t_ns)
        self.arm = DamiaoArm(replace(CONFIG, joints=joints), self.port.open_port)
        self.arm.open()
        self.start_rad = self.arm.hold().position_rad

    def follow(self, path_rad: list[JointVector]) -> Errors:
        """Send the joints along a path, and return how far they are off in each cycle."""
        errors: list[JointVector] = []
        for target in path_rad:
            self.t_ns = -(-(self.port.now_ns() + 1) // PERIOD_NS) * PERIOD_NS
            errors.append(self.arm.exchange(target).position_rad - target)
        return np.array(errors)


def test_springs_alone_sag_and_a_joint_that_learns_does_not() -> None:
    sagging, learning = Bench(learns=False), Bench()
    sags = sagging.follow([sagging.start_rad] * 300)[-1]
    learnt = learning.follow([learning.start_rad] * 750)[-1]
    assert np.abs(sags).max() == pytest.approx(0.077, abs=0.01)  # 6 Nm over 80 Nm/rad at joint 3
    assert np.abs(learnt).max() < 0.003


def test_holding_anew_does_not_let_it_sag_anew() -> None:
    bench = Bench()
    bench.follow([bench.start_rad] * 600)
    held = [bench.arm.hold().position_rad]
    for _ in range(3):
        errors = bench.follow([held[-1]] * 100)
        assert np.abs(errors).max() < 0.012
        held.append(bench.arm.hold().position_rad)
    assert held[-1] == pytest.approx(bench.start_rad, abs=0.015)


def test_it_follows_a_sine() -> None:
    bench = Bench()
    bench.follow([bench.start_rad] * 500)
    swing = np.array([0.6, 0.6, 0.6, -0.6, 0.6, 0.6, 0.0])
    path = [bench.start_rad + swing * (1 - np.cos(np.pi / 2 * k / 250)) / 2 for k in range(1000)]
    errors = bench.follow(path)
    assert np.abs(errors).max() < 0.06
    assert np.sqrt((errors**2).mean(axis=0)).max() < 0.02


def test_a_blow_stays_within_the_limit_of_torque() -> None:
    bench = Bench()
    far = bench.start_rad + np.array([1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0])
    limit_nm = CONFIG.vector("effort_max_ratio") * np.array([28, 28, 28, 10, 10, 10, 10])
    worst = np.zeros(7)
    for _ in range(100):
        bench.follow([far])
        worst = np.maximum(worst, np.abs(bench.motors.data.actuator_force))
    assert (worst <= limit_nm + 1.0).all()  # between two cycles the springs alone rule
    assert worst[0] > 0.9 * limit_nm[0]


def test_it_can_be_asked_for_by_name_once() -> None:
    assert len(make_nodes("yam")) == len(make_nodes("yam-rigid")) == 7
    with pytest.raises(KeyError, match="2 arms on one bus"):
        make_nodes("yam:2")
