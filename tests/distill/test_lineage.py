"""What an artefact was made from is noted when its stage begins, and compared when it is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distill.checkpoint import write_arrays
from distill.lineage import check_lineage
from interfaces.errors import ConfigError
from models.torch_file import write_torch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run: shards -> latents -> video model -> records."""
    (tmp_path / "episodes").mkdir()
    for number in range(2):
        write_arrays(tmp_path / f"episodes/expert-{number}.npz", {"pictures": np.full(5, number)})
    begin(tmp_path, "latents.npy", "episodes/*.npz")
    np.save(tmp_path / "latents.npy", np.zeros(3))
    begin(tmp_path, "video.pt", "latents.npy")
    write_torch(tmp_path / "video.pt", {"weights": torch.zeros(3)})
    begin(tmp_path, "records-*.npz", "video.pt", distilled={"steps": 10, "seed": 3})
    write_arrays(tmp_path / "records-0.npz", {"clip": np.zeros(3)})
    return tmp_path


def begin(folder: Path, made: str, *files: str, **told: Any) -> None:
    check_lineage(folder, (made, str(Path(made).with_suffix(".state"))), files, told)


def test_what_has_not_changed_is_taken(folder: Path) -> None:
    before = (folder / "made-from.json").read_text()
    begin(folder, "latents.npy", "episodes/*.npz")
    begin(folder, "video.pt", "latents.npy")
    begin(folder, "records-*.npz", "video.pt", distilled={"steps": 10, "seed": 3})
    assert (folder / "made-from.json").read_text() == before


def test_the_same_made_again_is_no_change(folder: Path) -> None:
    write_arrays(folder / "episodes/expert-1.npz", {"pictures": np.full(5, 1)})
    write_torch(folder / "video.pt", {"weights": torch.zeros(3)})
    begin(folder, "latents.npy", "episodes/*.npz")
    begin(folder, "records-*.npz", "video.pt")


@pytest.mark.parametrize("how", ["changed", "added"])
def test_a_changed_early_file_is_refused_with_all_that_hangs_on_it(folder: Path, how: str) -> None:
    number = 1 if how == "changed" else 2
    write_arrays(folder / f"episodes/expert-{number}.npz", {"pictures": np.full(5, 7)})
    with pytest.raises(ConfigError) as refused:
        begin(folder, "latents.npy", "episodes/*.npz")
    told = f"it was made {'from another' if how == 'changed' else 'without'} episodes/expert-{number}.npz"
    told += " than there is now" if how == "changed" else ", which is there now"
    assert str(refused.value) == (
        f"{folder / 'latents.npy'}: {told}; expected the same;"
        " delete latents.npy, video.pt, records-*.npz to make it again, or give another --out"
    )


@pytest.mark.parametrize("kept_bytes", [0, 200])
@pytest.mark.parametrize(
    ("name", "made", "source"),
    [("episodes/expert-1.npz", "latents.npy", "episodes/*.npz"), ("video.pt", "video.pt", "latents.npy")],
)
def test_a_file_that_is_not_whole_is_named(folder: Path, name: str, made: str, source: str, kept_bytes: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:kept_bytes])
    with pytest.raises(ConfigError, match=rf"{name}: it cannot be read .*delete it to have it made again"):
        begin(folder, made, source)


def test_a_half_made_stage_does_not_go_on_from_what_has_changed(folder: Path) -> None:
    (folder / "video.pt").rename(folder / "video.state")
    np.save(folder / "latents.npy", np.ones(3))
    with pytest.raises(
        ConfigError, match=r"video\.state: it was made from another latents\.npy .*delete video\.state, records"
    ):
        begin(folder, "video.pt", "latents.npy")


def test_a_changed_value_of_the_recipe_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"other values of \[distilled\]: steps = 10, now 20; expected the same"):
        begin(folder, "records-*.npz", "video.pt", distilled={"steps": 20, "seed": 3, "new_key": 1})
    begin(folder, "records-*.npz", "video.pt", distilled={"steps": 10, "seed": 3, "new_key": 1})


def test_an_artefact_made_again_is_noted_anew(folder: Path) -> None:
    write_torch(folder / "video.pt", {"weights": torch.ones(3)})
    (folder / "records-0.npz").unlink()
    begin(folder, "records-*.npz", "video.pt", distilled={"steps": 20})
    write_arrays(folder / "records-0.npz", {"clip": np.zeros(3)})
    begin(folder, "records-*.npz", "video.pt", distilled={"steps": 20})


def test_a_run_without_notes_and_sources_that_are_gone_are_taken_as_they_are(folder: Path) -> None:
    (folder / "latents.npy").unlink()  # large, and no longer needed
    begin(folder, "video.pt", "latents.npy")
    (folder / "episodes/expert-1.npz").unlink()  # will be recorded again
    np.save(folder / "latents.npy", np.zeros(3))
    begin(folder, "latents.npy", "episodes/*.npz")
    (folder / "made-from.json").unlink()
    write_torch(folder / "video.pt", {"weights": torch.ones(3)})
    begin(folder, "records-*.npz", "video.pt", distilled={"steps": 99})


def test_notes_of_another_version_count_as_none(folder: Path) -> None:
    (folder / "made-from.json").write_text('{"video.pt": {"latents.npy": "bb56c1d6f74fbad5"}}')
    begin(folder, "video.pt", "latents.npy")


def test_notes_that_cannot_be_read_are_named(folder: Path) -> None:
    (folder / "made-from.json").write_text("{")
    with pytest.raises(ConfigError, match=r"made-from\.json: it cannot be read .*delete it"):
        begin(folder, "video.pt", "latents.npy")


def test_files_half_written_do_not_count(folder: Path) -> None:
    (folder / "episodes/expert-9.half.npz").write_bytes(b"half")
    begin(folder, "latents.npy", "episodes/*.npz")
    (folder / "new-0.half.npz").write_bytes(b"half")
    begin(folder, "new-*.npz", "video.pt")
    assert "new-*.npz" in (folder / "made-from.json").read_text()
