# pyright: basic, reportMissingImports=false
# Run by LeRobot's own Python; what it imports is not installed beside our type checker.
"""What LeRobot's synchronous and asynchronous modes share: its SO-101 on the emulated bus, and its ACT policy without a network.

Robot, motor bus, processors, policy class, action queue, server and client are LeRobot's; put in are the camera, and the 30 ms in
which nothing is computed (`predict_action_chunk`). Normalisation is off: it costs LeRobot nothing here.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.robots.so_follower import SO101FollowerConfig

from bench.peers.contest import Setup
from bench.peers.frame_code import HEIGHT_PX, N_JOINTS, WIDTH_PX, GoalCode, number_in
from bench.peers.lerobotcamera import LerobotCameraConfig

IMAGE = "observation.images.front"
CENTRE_TICKS, TICKS_MAX = 2047.5, 4095.0  # of the calibration written here: the servos' whole turn
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


def robot_config(setup: Setup) -> SO101FollowerConfig:
    """Return the SO-101 on the emulated bus, calibrated to the whole turn of its servos, with the benchmark's camera."""
    folder = Path.cwd() / "calibration"
    folder.mkdir()
    whole_turn = {"drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": int(TICKS_MAX)}
    calibration = {name: {"id": 1 + i, **whole_turn} for i, name in enumerate(JOINTS)}
    (folder / "bench.json").write_text(json.dumps(calibration), encoding="utf-8")
    camera = LerobotCameraConfig(fps=round(setup.camera_hz), width=WIDTH_PX, height=HEIGHT_PX)
    return SO101FollowerConfig(id="bench", port=setup.port, calibration_dir=folder, cameras={"front": camera})


def policy_config(setup: Setup) -> ACTConfig:
    """Return an ACT policy as small as it may be: what it would compute is replaced."""
    half = max(1, setup.chunk_rows // 2)
    return ACTConfig(
        chunk_size=setup.chunk_rows,
        n_action_steps=1 if setup.tuning == "freshest" else half,
        input_features={
            "observation.state": PolicyFeature(type=FeatureType.STATE, shape=(N_JOINTS,)),
            IMAGE: PolicyFeature(type=FeatureType.VISUAL, shape=(3, HEIGHT_PX, WIDTH_PX)),
        },
        output_features={"action": PolicyFeature(type=FeatureType.ACTION, shape=(N_JOINTS,))},
        normalization_mapping=dict.fromkeys(("VISUAL", "STATE", "ACTION"), NormalizationMode.IDENTITY),
        pretrained_backbone_weights=None,
        device="cpu",
        push_to_hub=False,
        dim_model=32,
        n_heads=2,
        dim_feedforward=32,
        n_encoder_layers=1,
        use_vae=False,
    )


def put_in_stub(setup: Setup) -> None:
    """Let ACT wait as long as the model of everybody takes, and answer with the number it sees."""
    code = GoalCode(setup.code_lasts_s, setup.camera_hz)

    def predict_action_chunk(_policy, batch):
        picture = batch[IMAGE]
        number = number_in(picture[0].permute(1, 2, 0).numpy(), white=1.0)
        time.sleep(setup.model_ms * 1e-3)
        return picture.new_tensor(_action(code.ticks(number))).repeat(1, setup.chunk_rows, 1)

    ACTPolicy.predict_action_chunk = predict_action_chunk


def _action(ticks: np.ndarray) -> list[float]:
    """Return goals in LeRobot's units; half a tick more, because it cuts off where others round."""
    degrees = (ticks + 0.5 - CENTRE_TICKS) * 360.0 / TICKS_MAX
    gripper = (ticks[-1] + 0.5) / TICKS_MAX * 100.0
    return [*degrees[:-1].tolist(), float(gripper)]
