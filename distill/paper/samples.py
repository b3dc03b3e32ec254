"""Some real inputs of both graphs, from a user's own episodes: they go into the bundle with torch's outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill.paper.episodes import MOTION_FILE, Source, first_frame, instructions_of
from distill.svam.clips import read_shard
from interfaces.sample_file import write_samples
from models.svam.config import SvamConfig

_SAMPLES = 8
_SEED = 90_000


def write_real_samples(config: SvamConfig, sources: list[Source], path: Path) -> None:
    """Write the first frame of some driven episodes at the camera's own size, with the joints that the arm had. Raises OSError."""
    rng, instructions = np.random.default_rng(_SEED), instructions_of(sources)
    driven = [source for source in sources if (source.folder / MOTION_FILE).exists()][:_SAMPLES]
    rows: dict[str, list[NDArray[Any] | np.float32]] = {
        name: [] for name in (config.camera, "instruction", "joints", "foresight_age", "noise")
    }
    for source in driven:
        rows[config.camera].append(first_frame(source))
        chosen = instructions.index(source.instruction)
        rows["instruction"].append(np.eye(config.n_instructions, dtype=np.float32)[chosen])
        rows["joints"].append(read_shard(source.folder / MOTION_FILE, "joints_rad")[0].astype(np.float32))
        rows["foresight_age"].append(np.float32(rng.uniform(0.02, 0.2)))
        rows["noise"].append(rng.normal(size=(config.horizon, config.n_joints)).astype(np.float32))
    write_samples(path, {name: np.stack(values) for name, values in rows.items()})
