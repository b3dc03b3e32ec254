"""A whole run on own episodes, with small networks in the places of the published ones; and what is said where a part is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distill.fitting import FitRecipe
from distill.paper.episodes import find_episodes, load_episodes
from distill.paper.jobs import Frozen
from distill.paper.recipe import PaperRecipe, load_paper_recipe
from distill.paper.stages import Served, run_paper_recipe
from distill.paper.teachers import PaperTeachers
from interfaces.errors import ConfigError, ForerunError
from interfaces.progress import Progress, silent
from interfaces.sample_file import read_samples
from models.graphs import ForesightGraph
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy, load_policy
from models.svam.video_model import VideoModel, build_video_model

RECIPE = Path(__file__).parents[3] / "distill/recipes/paper_svam.toml"
JOINTS = ("a", "b")


def tiny_config(**chosen: Any) -> SvamConfig:
    small: dict[str, Any] = {
        "video_px": 32, "unet_channels": (32, 32, 32), "unet_heads": (1, 1, 1), "vae_channels": (32, 32, 32),
        "n_text_tokens": 2, "text_dim": 8, "goal_dim": 8, "semantic_dim": 12, "geometric_dim": 8,
        "decoupler_dim": 16, "decoupler_heads": 2, "decoupler_blocks": 1,
        "queries_per_frame": 2, "token_dim": 16, "condenser_layers": 1, "condenser_heads": 2, "condenser_head_dim": 8,
        "expert_heads": 2, "encoder_blocks": 1, "decoder_blocks": 1,
    }  # fmt: skip
    return SvamConfig.small(**(small | chosen))


class Views(nn.Module):
    """Sees each view alone, as no Depth Anything does."""

    def __init__(self, anchor: nn.Module) -> None:
        super().__init__()
        self.anchor = anchor

    def get_intermediate_layers(self, x: Tensor, n: list[int]) -> tuple[Any, Any]:
        assert n == [11]
        seen = self.anchor(x.flatten(0, 1)).flatten(2).transpose(1, 2)
        return [(seen.reshape(*x.shape[:2], *seen.shape[1:]), None)], None


def tiny_video(_folder: Path, config: SvamConfig) -> VideoModel:
    torch.manual_seed(0)
    return build_video_model(config).eval()


def tiny_text(_name: str, instructions: tuple[str, ...], n_tokens: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    shape = (len(instructions), n_tokens, 8)
    return torch.randn(shape, generator=draw), torch.randn(shape[::2], generator=draw)


def tiny_semantic(_name: str, anchor: nn.Module) -> nn.Module:
    return anchor


def tiny_geometric(_name: str, anchor: nn.Module) -> tuple[nn.Module, nn.Module]:
    return Views(anchor), anchor


SERVED = Served(config=tiny_config, video=tiny_video, text=tiny_text, semantic=tiny_semantic, geometric=tiny_geometric)


def tiny_recipe() -> PaperRecipe:
    recipe = load_paper_recipe(RECIPE)

    def few(fit: FitRecipe) -> FitRecipe:
        return replace(fit, steps=3, batch_size=2, learning_rate_ratio=1e-3, warm_up_steps=1)

    return replace(
        recipe, threads=1, n_frames=3, horizon=4,
        episodes=replace(recipe.episodes, joints=JOINTS, held_out_every=3),
        self_distillation=replace(recipe.self_distillation, records=6, steps=2, batch_size=3),
        students=few(recipe.students), expert=replace(recipe.expert, fit=few(recipe.expert.fit)),
    )  # fmt: skip


def write_episode(folder: Path, instruction: str, *, driven: bool, seed: int) -> None:
    """Two seconds of a square that wanders, at 20 Hz."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    writer = cv2.VideoWriter(str(folder / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 20.0, (64, 48))
    for frame in range(40):
        picture = np.full((48, 64, 3), 200, np.uint8)
        picture[10:20, 8 + frame : 18 + frame] = (0, 0, 255)  # red, in OpenCV's order
        writer.write(picture)
    writer.release()
    (folder / "instruction.txt").write_text(instruction + "\n", encoding="utf-8")
    if driven:
        time_s = np.arange(0.0, 2.0, 0.05)
        path = np.stack([time_s, rng.uniform(size=len(time_s))], axis=1)
        np.savez(folder / "motion.npz", time_s=time_s, joints_rad=path, target_rad=path + 0.1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a user's recipe and episodes are."""
    home = tmp_path_factory.mktemp("home")
    for number, (instruction, driven) in enumerate(
        [("press", True), ("press", True), ("wave", False), ("wave", True), ("press", True)]
    ):
        write_episode(home / f"my-episodes/{number:04d}", instruction, driven=driven, seed=number)
    return home


@pytest.fixture(scope="module")
def run(home: Path) -> tuple[Path, dict[str, int]]:
    """A finished run, and how far each stage came."""
    return home / "run", done_by(home, SERVED)


def done_by(home: Path, served: Served) -> dict[str, int]:
    done: dict[str, int] = {}

    def start_stage(title: str) -> Callable[[int, int, str], None]:
        done[title] = 0

        def progress(count: int, total: int, text: str) -> None:
            assert 0 < count <= total
            assert text
            done[title] = count

        return progress

    run_paper_recipe(tiny_recipe(), home, home / "run", start_stage, served)
    return done


def test_every_stage_runs(run: tuple[Path, dict[str, int]]) -> None:
    folder, done = run
    assert done == {"episodes": 5, "generated videos": 2, "students": 3, "expert": 3}
    assert {path.name for path in folder.iterdir()} == {
        "episodes", "foreseen", "students.pt", "policy.pt", "samples.npz", "figures.jsonl", "made-from.json",
    }  # fmt: skip


def test_a_finished_run_is_not_run_again(home: Path, run: tuple[Path, dict[str, int]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in run[0].rglob("*") if path.is_file()}
    assert not any(done_by(home, SERVED).values())
    assert {path: path.stat().st_mtime_ns for path in run[0].rglob("*") if path.is_file()} == before


def test_episodes_are_on_their_grids(home: Path, run: tuple[Path, dict[str, int]]) -> None:
    episodes = load_episodes(find_episodes(home / "my-episodes"), tiny_recipe().episodes, run[0] / "episodes")
    assert episodes.pictures.shape == (100, 32, 32, 3)  # 20 of each episode: 10 Hz
    assert episodes.joints_rad.shape == episodes.target_rad.shape == (800, 2)  # 200 of each of four: 10 ms
    assert episodes.held_out.reshape(5, 20).all(1).tolist() == [True, False, False, True, False]
    assert (episodes.step.reshape(5, 20)[2] == -1).all()  # action-free
    driven = episodes.step >= 0
    at = np.tile(np.arange(20) * 0.1, 5)[driven]
    np.testing.assert_allclose(episodes.joints_rad[episodes.step[driven], 0], at, atol=1e-3)
    assert episodes.futures(np.array([18, 40]), 3, 1).tolist() == [[19, 19, 19], [41, 42, 43]]
    red = episodes.pictures[5].astype(int)
    assert (red[..., 0] - red[..., 2]).max() > 80  # RGB


def test_the_policy_foresees_what_it_was_trained_on(home: Path, run: tuple[Path, dict[str, int]]) -> None:
    policy = load_policy(run[0] / "policy.pt")
    samples = read_samples(run[0] / "samples.npz")
    assert samples["front"].shape == (4, 48, 64, 3)
    assert samples["instruction"].tolist() == [[1, 0], [1, 0], [0, 1], [1, 0]]
    with torch.no_grad():
        tokens = ForesightGraph(policy)(*(torch.from_numpy(samples[name][0]) for name in ("front", "instruction")))
        episodes = load_episodes(find_episodes(home / "my-episodes"), tiny_recipe().episodes, run[0] / "episodes")
        teachers = PaperTeachers(policy.semantic_anchor, Views(policy.geometric_anchor))
        frozen = Frozen(policy=policy, teachers=teachers, episodes=episodes)
        seen = policy.foresight(*frozen.features(np.array([0]), torch.device("cpu")))
        told = policy.encoder(policy.condenser(seen), policy.goal_table[:1])[0]
    assert tokens.shape == (1 + 3 * 2, 16)
    torch.testing.assert_close(tokens, told, atol=0.1, rtol=0.1)  # from the camera's size, and from the pictures kept
    assert policy.joint_mean[0] == pytest.approx(0.95, abs=0.02)
    assert (policy.chunk_mean[:, 0] > 0.1).all()


def test_the_published_recipe_is_one_of_the_published_size() -> None:
    recipe = load_paper_recipe(RECIPE)
    config = SvamConfig.paper(joints=recipe.episodes.joints, instructions=("press",), n_frames=recipe.n_frames)
    with torch.device("meta"):
        policy = SvamPolicy(config)
    assert (config.n_frames, config.feature_dim, config.grid) == (16, 2560, 16)
    assert recipe.students.steps == 50_000
    assert recipe.self_distillation.steps == 30
    assert policy.text_table.shape == (1, 20, 512)


def test_a_missing_checkpoint_is_said_before_anything_is_computed(home: Path, tmp_path: Path) -> None:
    served = replace(SERVED, video=Served().video)
    with pytest.raises(
        ConfigError, match=r"svd-robot-calvin-ft: served\.video is missing; expected .*hf download yjguo"
    ):
        run_paper_recipe(tiny_recipe(), home, tmp_path, quiet, served)
    (home / "svd-robot-calvin-ft").mkdir()
    with pytest.raises(ConfigError, match=r"unet/config\.json: it cannot be read .*diffusers checkpoint"):
        run_paper_recipe(tiny_recipe(), home, tmp_path, quiet, served)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_other_values_of_the_recipe_are_refused(home: Path, run: tuple[Path, dict[str, int]]) -> None:
    recipe = tiny_recipe()
    other = replace(recipe, self_distillation=replace(recipe.self_distillation, guidance_ratio=1.0))
    with pytest.raises(
        ConfigError, match=r"\[self_distillation\]: guidance_ratio = 7\.5, now 1\.0; .*delete foreseen/records"
    ):
        run_paper_recipe(other, home, run[0], quiet, SERVED)


def quiet(_title: str) -> Progress:
    return silent


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def saying(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def moving(name: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        with np.load(folder / "motion.npz") as file:
            arrays: dict[str, Any] = {key: file[key] for key in file.files} | {name: values}
        np.savez(folder / "motion.npz", **arrays)

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("video.mp4"), r"0000: video\.mp4 is missing; expected the episode's video"),
        (without("instruction.txt"), r"instruction\.txt: No such file .*expected one line"),
        (saying("video.mp4", b"no video"), r"video\.mp4: it cannot be opened"),
        (saying("motion.npz", b"PK"), r"motion\.npz: time_s cannot be read"),
        (moving("joints_rad", np.zeros((40, 3))), r"joints_rad is \(40, 3\); expected \(40, 2\) finite numbers"),
        (moving("target_rad", np.full((40, 2), np.nan)), r"target_rad is \(40, 2\); expected .*finite"),
        (moving("time_s", np.zeros(40)), r"time_s is \(40,\); expected .*that rise"),
        (moving("time_s", np.linspace(5.0, 7.0, 40)), r"time_s is '5\.\.7'; expected the video's time, 0\.\.2 s"),
    ],
)
def test_an_episode_that_is_not_whole_is_named(tmp_path: Path, change: Callable[[Path], object], told: str) -> None:
    write_episode(tmp_path / "my-episodes/0000", "press", driven=True, seed=0)
    change(tmp_path / "my-episodes/0000")
    with pytest.raises(ConfigError, match=told):
        run_paper_recipe(tiny_recipe(), tmp_path, tmp_path / "run", quiet, SERVED)


@pytest.mark.parametrize(("driven", "told"), [((0, 3), "to learn actions from"), ((1, 2), "held out")])
def test_episodes_that_were_all_learnt_from_or_all_held_out_teach_no_actions(
    tmp_path: Path, driven: tuple[int, ...], told: str
) -> None:
    for number in range(4):
        write_episode(tmp_path / f"my-episodes/{number:04d}", "press", driven=number in driven, seed=number)
    with pytest.raises(ForerunError, match=rf"no episode with motion\.npz {told}; add some"):
        run_paper_recipe(tiny_recipe(), tmp_path, tmp_path / "run", quiet, SERVED)


def test_a_batch_of_one_video_would_all_be_held_out(tmp_path: Path) -> None:
    text = RECIPE.read_text(encoding="utf-8").replace("batch_size = 4\n", "batch_size = 1\n", 1)
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"self_distillation\.batch_size is 1; expected above 1"):
        load_paper_recipe(tmp_path / "bad.toml")


def test_too_few_episodes_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"my-episodes: episodes\.folder is missing; expected a folder"):
        run_paper_recipe(tiny_recipe(), tmp_path, tmp_path / "run", quiet, SERVED)
    write_episode(tmp_path / "my-episodes/0000", "press", driven=True, seed=0)
    with pytest.raises(ForerunError, match="no episode to learn from; expected two or more"):
        run_paper_recipe(tiny_recipe(), tmp_path, tmp_path / "run", quiet, SERVED)
