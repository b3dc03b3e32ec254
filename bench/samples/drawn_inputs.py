"""What a recording lacks of a policy's inputs, drawn as the runtime would have given it, by a seed.

    instruction      one of the bundle's, each as likely
    foresight_age    uniform from 20 to 200 ms, and never more than the bundle was trained up to
    noise            standard normal, as runtime/policy/action_stage.py draws it
    prefix           nothing is committed, as in the first chunk of a run: the measured joints, and no rows of it

Pictures and joints are never drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import BundleManifest
from interfaces.engine import Tensors
from interfaces.graph_contract import FORESIGHT_AGE, INSTRUCTION, NOISE, PREFIX, PREFIX_ROWS

_AGE_MIN_S, _AGE_MAX_S = 0.02, 0.2  # what a foresight at 5 to 15 Hz comes to on a robot


class DrawnInputs:
    """Draws inputs for one bundle; the same seed gives the same again."""

    def __init__(self, manifest: BundleManifest, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._one_hot = np.eye(len(manifest.instructions), dtype=np.float32)
        self._chunk_shape = (manifest.chunk.horizon, len(manifest.joints))
        self._age_max_s = min(_AGE_MAX_S, manifest.foresight_age_max_ms * 1e-3)

    def draw(self, joints_rad: NDArray[np.floating]) -> Tensors:
        """Return every input but pictures and joints, for an arm at `joints_rad`, (joint,)."""
        age_s = self._generator.uniform(min(_AGE_MIN_S, self._age_max_s), self._age_max_s)
        return {
            INSTRUCTION: self._one_hot[self._generator.integers(len(self._one_hot))],
            FORESIGHT_AGE: np.array(age_s, np.float32),
            NOISE: self._generator.standard_normal(self._chunk_shape, np.float32),
            PREFIX: np.broadcast_to(joints_rad.astype(np.float32), self._chunk_shape),
            PREFIX_ROWS: np.array(0, np.float32),
        }
