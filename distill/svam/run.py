"""An S-VAM's recipe in a folder, on a machine: what all its stages share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distill.run_folder import RunFolder
from distill.svam.recipe import SvamRecipe

AUTOENCODER_FILE, VIDEO_FILE, STUDENTS_FILE = "autoencoder.pt", "video.pt", "students.pt"
EPISODES, RECORDS = "episodes/expert-*.npz", "foreseen/records-*.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(RunFolder):
    """The folder, the recipe that is followed in it, and where the files that the recipe names are."""

    recipe: SvamRecipe
    recipe_folder: Path  # where relative paths of the recipe begin

    @property
    def pictures(self) -> Path:
        """Return where pictures for people go."""
        return self.folder / "pictures"

    @property
    def records(self) -> Path:
        """Return where the self-distillation set is."""
        return self.folder / "foreseen"

    @property
    def foresights(self) -> Path:
        """Return where foresights of demonstrated pictures are."""
        return self.folder / "foresights"

    def beside_recipe(self, path: str) -> Path:
        """Return a path that the recipe names."""
        return self.recipe_folder / path
