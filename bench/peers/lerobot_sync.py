# pyright: basic, reportMissingImports=false
# Run by LeRobot's own Python; what it imports is not installed beside our type checker.
"""LeRobot as `lerobot-record` runs a policy: its record loop with the model inside, without the writing of a dataset."""

from __future__ import annotations

import sys
from pathlib import Path

from lerobot.datasets.utils import hw_to_dataset_features
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from lerobot.processor import make_default_processors
from lerobot.robots import make_robot_from_config
from lerobot.scripts.lerobot_record import record_loop

from bench.peers.contest import Setup
from bench.peers.lerobot_parts import policy_config, put_in_stub, robot_config

FOREVER_S = 3600


class NoDataset:
    """Names the features, and writes nothing: to LeRobot's advantage."""

    def __init__(self, robot, fps: int) -> None:
        self.fps = fps
        self.features = {
            **hw_to_dataset_features(robot.observation_features, "observation"),
            **hw_to_dataset_features(robot.action_features, "action"),
        }

    def add_frame(self, frame: dict) -> None:
        """Forget it."""


def main(setup: Setup) -> None:
    """Run until killed."""
    put_in_stub(setup)
    policy = ACTPolicy(policy_config(setup))
    preprocessor, postprocessor = make_pre_post_processors(policy.config, dataset_stats={})
    robot = make_robot_from_config(robot_config(setup))
    robot.connect()
    teleop_action_processor, robot_action_processor, robot_observation_processor = make_default_processors()
    record_loop(
        robot=robot,
        events={"exit_early": False},
        fps=round(setup.rate_hz),
        teleop_action_processor=teleop_action_processor,
        robot_action_processor=robot_action_processor,
        robot_observation_processor=robot_observation_processor,
        dataset=NoDataset(robot, round(setup.rate_hz)),
        policy=policy,
        preprocessor=preprocessor,
        postprocessor=postprocessor,
        control_time_s=FOREVER_S,
        single_task="bench",
    )


if __name__ == "__main__":
    main(Setup.load(Path(sys.argv[1])))
