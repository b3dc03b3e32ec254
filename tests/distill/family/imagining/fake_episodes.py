"""Episodes that cost nothing and say in every pixel and number which episode and which step they are of."""

from __future__ import annotations

import numpy as np

from distill.episode import Episode, EpisodePlan
from models.uva.config import UvaConfig
from models.uva.policy import UvaPolicy
from sim.robot_model import JOINT_NAMES
from tests.models.uva.tiny_uva import awake

PHASE, N_STEPS = 3, 220  # of 10 ms
TASKS = ("fold", "reach", "push")  # the simulator knows two of them


def tiny_policy(**changes: object) -> UvaPolicy:
    """Return a policy for the simulated arm that knows nothing: 2 frames of 4 x 4 tokens, 200 ms apart, for chunks of 4 rows."""
    chosen: dict[str, object] = {
        "horizon": 4, "vae_channels": (8, 8, 16), "latent_channels": 4, "n_frames": 2, "dim": 24, "n_heads": 2,
        "encoder_blocks": 1, "decoder_blocks": 1, "text_dim": 8, "pool": 2, "head_dim": 16, "head_blocks": 1,
    }  # fmt: skip
    return awake(UvaConfig.small(joints=JOINT_NAMES, instructions=TASKS, **(chosen | changes)))


def joints_at(seed: int, step: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the joints of an episode at a step."""
    return 0.7 * seed + 0.001 * step + 0.01 * np.arange(len(JOINT_NAMES), dtype=np.float64)


def walked_px(step: int) -> int:
    """Return how far to the right the square has come, of 240: it never stands still."""
    return 190 * step // 300


class FakeRecorder:
    """Records episodes of 2.2 s in which a square walks to the right, on a height that says which episode it is."""

    def __init__(self) -> None:
        self.plans: list[EpisodePlan] = []

    def record(self, plan: EpisodePlan) -> Episode:
        """Return the episode of a plan; the later the seed, the longer it is."""
        self.plans.append(plan)
        episode = Episode(succeeded=True)
        for step in range(N_STEPS + 40 * plan.seed):
            if step % plan.picture_every == PHASE:
                episode.picture_step.append(step)
                picture = np.full((240, 240, 3), 40, np.uint8)
                picture[20 + 60 * plan.seed :][:40, walked_px(step) :][:, :50] = 220
                episode.pictures.append(picture)
            episode.joints_rad.append(joints_at(plan.seed, step))
            episode.target_rad.append(joints_at(plan.seed, step) + 1.0)
        return episode
