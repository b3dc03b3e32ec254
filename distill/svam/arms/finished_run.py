"""A finished run of `forerun distill`, which all arms share and none writes to; and runs of their own that are made of links to it.

A stage is finished where its file is there. So a folder with links to what is shared is a run in which only the rest is missing, and
the stages themselves need not know of arms.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from distill.compute import Compute
from distill.demonstrations import plan_shards
from distill.run_folder import load
from distill.stages import SAMPLES_FILE
from distill.svam.clips import LATENTS_FILE, ClipIndex, read_index
from distill.svam.learning_from_video import BASIS_FILE, DEPTH_FILE, STUDENTS_FILE
from distill.svam.recipe import SvamRecipe
from distill.svam.self_distillation import record_files
from distill.svam.stages import VIDEO_FILE, sizes_of
from interfaces.errors import ConfigError
from interfaces.graph_contract import INSTRUCTION
from interfaces.sample_file import read_samples
from models.svam.flow_video_model import FlowVideoModel
from models.svam.policy import SvamPolicy

TAUGHT = (LATENTS_FILE, DEPTH_FILE, BASIS_FILE)  # what students of any kind are made with


@dataclass(frozen=True, kw_only=True)  # no slots: cached properties
class FinishedRun:
    """Where it is, and by which recipe it was made."""

    folder: Path
    recipe: SvamRecipe
    recipe_folder: Path
    compute: Compute

    @cached_property
    def shards(self) -> list[Path]:
        """Return its recorded demonstrations, without those in which a policy drove."""
        plan = plan_shards(self.recipe.demonstrations, self.folder / "episodes")
        return [shard.path for shard in plan if shard.path.exists()]

    @cached_property
    def index(self) -> ClipIndex:
        """Return where its episodes begin and end."""
        return read_index(self.shards, self.recipe.held_out_every)

    @property
    def records(self) -> list[Path]:
        """Return the files of its self-distillation set."""
        return record_files(self.recipe.self_distillation, self.folder / "foreseen")

    def require_video(self) -> None:
        """Raise ConfigError naming the first file of the stages up to the video model that is not there."""
        self._require([self.folder / name for name in (LATENTS_FILE, VIDEO_FILE)])
        if not self.shards:
            raise ConfigError(str(self.folder / "episodes"), "file", None, "recorded demonstrations")

    def require_finished(self) -> None:
        """Raise ConfigError naming the first file that is not there."""
        self.require_video()
        self._require([self.folder / name for name in (*TAUGHT, STUDENTS_FILE, SAMPLES_FILE)] + self.records)
        told, tasks = read_samples(self.folder / SAMPLES_FILE)[INSTRUCTION], self.recipe.demonstrations.instructions
        if told.shape[1] != len(tasks):
            raise ConfigError(
                str(self.folder / SAMPLES_FILE),
                INSTRUCTION,
                f"{told.shape[1]} tasks",
                f"{len(tasks)}, as in the recipe",
            )

    def _require(self, files: list[Path]) -> None:
        for path in files:
            if not path.exists():
                raise ConfigError(
                    str(path), "file", None, f"a finished run of `forerun distill` by {self.recipe.name}'s recipe"
                )

    def give_video(self, policy: SvamPolicy) -> None:
        """Give a policy the trained video model. Raises ConfigError where it is damaged or of other sizes."""
        assert isinstance(policy.video, FlowVideoModel)
        self.compute.laid_out(policy.video.autoencoder)
        load(self.folder / VIDEO_FILE, sizes_of(self.recipe, tuple(asdict(self.recipe.sizes))), policy.video)


def link(path: Path, to: Path) -> None:
    """Make `path` a link to a file or folder, where nothing is there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.unlink(missing_ok=True)  # a link that leads nowhere any more
        path.symlink_to(to.resolve())
