"""The foresight loop runs beside the action: however slow it is, the action keeps its rate, until the foresight is too old.

Rates are compared by ratios, with room for a loaded machine of two cores.
"""

from collections.abc import Callable
from pathlib import Path

from bench.concurrency import measure
from bench.policy_rig import CommandPeer, wait_until
from interfaces.robot_config import RobotConfig
from runtime.policy.bundle import LoadedBundle
from runtime.policy_process import PolicyProcess

StartPolicy = Callable[..., PolicyProcess]


def test_slow_foresight_grows_old_and_leaves_the_action_rate_alone(
    robot: RobotConfig, tiny_bundle: LoadedBundle, run_folder: Path
) -> None:
    quick = measure(robot, tiny_bundle, delay_s=0.0, duration_s=3.0, folder=run_folder)
    slow = measure(robot, tiny_bundle, delay_s=0.45, duration_s=3.0, folder=run_folder)
    assert quick.foresight_hz > 3 * slow.foresight_hz
    assert slow.foresight_hz <= 2.5
    # One after the other, as published systems run them, the action would have the rate of the foresight: a fifteenth.
    assert slow.action_hz > 0.5 * quick.action_hz
    # Each foresight is done 470 ms after its frame and serves for half a second.
    assert slow.foresight_age_p50_ms > 450
    assert slow.foresight_age_p50_ms > quick.foresight_age_p50_ms + 350


def test_foresight_beyond_its_age_makes_no_chunks(
    robot: RobotConfig, peer: CommandPeer, start_policy: StartPolicy
) -> None:
    process = start_policy(foresight_delay_s=robot.policy.foresight_age_max_ms * 1e-3 + 0.1)
    process.follow("push")
    wait_until(lambda: process.status()["refusals"].get("foresight too old", 0) > 20, "refusals")
    assert process.status()["foresight"]["count"] > 0
    assert peer.chunks == []
