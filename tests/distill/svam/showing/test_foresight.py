"""Showing a run, with a tiny policy that knows nothing: what is drawn is what that policy and its teachers said, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from distill.svam.showing.composed import compose
from distill.svam.showing.eyes import Eyes, GeometricTeacher, open_eyes
from distill.svam.showing.foreseen import as_seen, foresee, instruction_of
from distill.svam.showing.foresight import ForesightPlan, PictureMade, show_foresight
from distill.svam.showing.palette import Palette, fit_palette
from distill.svam.showing.watched import Moment, Onlooker, moment_of
from forerun.__main__ import main
from interfaces.errors import ConfigError, RefusedError
from interfaces.progress import silent
from models.svam.config import SvamConfig
from models.svam.depth_teacher import DepthTeacher
from models.svam.flow_video_model import FlowVideoModel
from models.svam.mobile_sam import MobileSamEncoder
from models.svam.policy import SvamPolicy, save_policy
from models.torch_file import write_torch
from sim.robot_model import JOINT_NAMES

N_FRAMES, DIM = 3, 8


def tiny_policy() -> SvamPolicy:
    """Return a policy of two tasks, one of which the simulator knows, whose weights are random, also those that begin as zeros."""
    config = SvamConfig.small_transformer(
        joints=JOINT_NAMES, instructions=("fold", "reach"), n_frames=N_FRAMES, frame_step_ms=200.0,
        vae_channels=(16, 16, 16), latent_channels=4, transformer_dim=32, transformer_heads=2, transformer_blocks=2,
        transformer_leave_dim=16, semantic_dim=DIM, geometric_dim=DIM, decoupler_dim=32, decoupler_heads=2,
        decoupler_blocks=1, token_dim=32, condenser_layers=1, encoder_blocks=1, decoder_blocks=1,
    )  # fmt: skip
    torch.manual_seed(0)
    policy = SvamPolicy(config).eval()
    with torch.no_grad():
        for weights in policy.parameters():
            if not weights.any():
                weights.normal_(std=0.1)
    return policy


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder with a policy and both teachers, and MobileSAM beside them, all of random weights."""
    folder = tmp_path_factory.mktemp("run")
    save_policy(tiny_policy(), folder / "policy.pt")
    torch.manual_seed(1)
    teacher = DepthTeacher(DIM)
    teacher.depth_mean_mm.fill_(500.0)
    teacher.depth_std_mm.fill_(100.0)
    teacher.feature_mean.normal_()
    teacher.feature_std.uniform_(0.5, 2.0)
    write_torch(folder / "depth-teacher.pt", {"sizes": {"dim": DIM}, "weights": teacher.state_dict()})
    basis = {"mean": torch.zeros(256), "directions": torch.eye(256)[:, :DIM].clone(), "scale_ratio": 1.0}
    write_torch(folder / "semantic-basis.pt", {"sizes": {"semantic_dim": DIM, "mobile_sam_px": 64}, **basis})
    weights = {f"image_encoder.{name}": value for name, value in MobileSamEncoder().state_dict().items()}
    torch.save(weights, folder / "mobile_sam.pt")
    return folder


@pytest.fixture(scope="module")
def eyes(run: Path) -> Eyes:
    return open_eyes(run, run / "mobile_sam.pt", torch.device("cpu"))


@pytest.fixture(scope="module")
def moment(eyes: Eyes) -> Moment:
    """Return the liveliest instant of a real episode."""
    watched = Onlooker(eyes.policy.config).watch("reach", 0)
    assert watched.succeeded
    assert watched.pictures.shape[1:] == (240, 240, 3)
    np.testing.assert_allclose(np.diff(watched.t_s), 0.2)
    return moment_of(watched, N_FRAMES, None)


def plan_for(run: Path, out: Path, **changes: object) -> ForesightPlan:
    plan = {
        "run": run, "out": out, "mobile_sam": run / "mobile_sam.pt", "tasks": ("reach",), "first_seed": 0, "n_seeds": 1,
        "instant_s": None, "n_steps": 2,
    }  # fmt: skip
    return ForesightPlan(**(plan | changes))  # pyright: ignore[reportArgumentType] - whatever a test says


class Stages:
    """Remembers how far each stage came."""

    def __init__(self) -> None:
        self.done: dict[str, tuple[int, int]] = {}

    def __call__(self, title: str) -> Callable[[int, int, str], None]:
        """Start a stage."""

        def tell(done: int, total: int, text: str) -> None:
            assert text
            self.done[title] = (done, total)

        return tell


@pytest.fixture(scope="module")
def shown(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[PictureMade], dict[str, Path], Stages]:
    stages = Stages()
    made, missing = show_foresight(plan_for(run, tmp_path_factory.mktemp("out")), stages)
    return made, missing, stages


def test_each_episode_becomes_a_picture_and_figures(
    shown: tuple[list[PictureMade], dict[str, Path], Stages],
) -> None:
    made, missing, stages = shown
    assert missing == {}
    assert stages.done == {"colours": (1, 1), "episodes": (1, 1), "pictures": (1, 1)}
    folder = made[0].path.parent
    assert {path.name for path in folder.iterdir()} == {"foresight-reach-0.png", "foresight.json"}
    told = json.loads((folder / "foresight.json").read_text(encoding="utf-8"))["pictures"][0]
    assert told.keys() == {
        "picture", "task", "seed", "instant_s", "generated_psnr_db", "still_psnr_db", "autoencoder_psnr_db",
        "semantic_error_ratio", "semantic_still_error_ratio", "depth_error_mm", "depth_still_error_mm",
    }  # fmt: skip
    assert all(np.isfinite(told[name]) for name in told.keys() - {"picture", "task"})
    assert told["still_psnr_db"] > told["generated_psnr_db"]  # a random policy is worse than saying that nothing moves


def test_foresight_is_what_the_robot_computes_and_the_video_begins_at_its_noise(eyes: Eyes, moment: Moment) -> None:
    policy, seen = eyes.policy, foresee(eyes.policy, moment.now, "reach", 2)
    instruction, rgb = instruction_of(policy, "reach"), torch.from_numpy(moment.now[None])
    assert instruction.tolist() == [[0.0, 1.0]]
    with torch.no_grad():
        together = policy.foresight(policy.features(rgb, instruction), *policy.anchors(rgb))[0]
        frame = policy.video.encode_frame(as_seen(policy, moment.now[None]))
        latents = policy.video.sample(policy.initial_noise[None], frame, policy.text(instruction), 2)
        video = policy.video
        assert isinstance(video, FlowVideoModel)
        torch.testing.assert_close(seen.generated, video.autoencoder.decode(latents[0]).clamp(-1.0, 1.0))
    torch.testing.assert_close(torch.cat([seen.semantic, seen.geometric], -1), together[..., -2 * DIM :])
    other = foresee(policy, moment.now, "fold", 2)
    assert not torch.allclose(other.generated, seen.generated)
    assert not torch.allclose(other.semantic, seen.semantic)


def test_depth_is_read_out_as_the_teacher_itself_would(eyes: Eyes, moment: Moment) -> None:
    teacher, real = eyes.geometric, as_seen(eyes.policy, moment.future)
    assert isinstance(teacher, GeometricTeacher)
    with torch.no_grad():
        torch.testing.assert_close(
            teacher.depth_mm(teacher.features(real)), teacher.network(real), atol=0.05, rtol=1e-4
        )


def test_figures_say_how_far_off_it_is(eyes: Eyes, moment: Moment) -> None:
    palette = fit_palette(eyes, Onlooker(eyes.policy.config), silent)
    figures = compose(eyes, palette, moment, 2).figures
    now, real = as_seen(eyes.policy, moment.now[None]), as_seen(eyes.policy, moment.future)
    noise = (now - real).square().mean((1, 2, 3))
    assert figures["still_psnr_db"] == pytest.approx(float((10.0 * torch.log10(4.0 / noise)).mean()), rel=1e-4)
    frozen = Moment(
        task="reach", seed=0, succeeded=False, instant_s=0.0, now=moment.now,
        future=np.stack([moment.now] * N_FRAMES),
    )  # fmt: skip
    still = compose(eyes, palette, frozen, 2)
    assert still.figures["still_psnr_db"] == 60.0
    assert still.figures["semantic_still_error_ratio"] == pytest.approx(0.0, abs=1e-6)
    assert still.figures["depth_still_error_mm"] == pytest.approx(0.0, abs=0.01)
    assert "does not succeed" in still.page.footnote
    assert_same_colours(palette, eyes, still.page.blocks[1].happened, now)


def assert_same_colours(palette: Palette, eyes: Eyes, drawn: object, now: torch.Tensor) -> None:
    """The teacher's view of one picture has the same colours in each frame."""
    assert eyes.semantic is not None
    expected = palette.semantic(eyes.semantic.features(now).double().numpy())[0]
    assert isinstance(drawn, np.ndarray)
    for frame in drawn.astype(int):
        np.testing.assert_allclose(frame, expected.astype(int), atol=1)


def test_without_its_teachers_a_run_is_shown_and_the_gap_is_told(run: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.pt").symlink_to(run / "policy.pt")
    (tmp_path / "semantic-basis.pt").symlink_to(run / "semantic-basis.pt")
    made, missing = show_foresight(plan_for(tmp_path, tmp_path / "out"), Stages())
    assert missing == {"semantic": tmp_path / "mobile_sam.pt", "geometric": tmp_path / "depth-teacher.pt"}
    assert made[0].path.stat().st_size > 10_000
    assert made[0].figures.keys() == {"generated_psnr_db", "still_psnr_db", "autoencoder_psnr_db"}


def test_what_cannot_be_shown_is_refused_in_one_line(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="does not follow fly; expected some of reach"):
        show_foresight(plan_for(run, tmp_path, tasks=("reach", "fly")), Stages())
    with pytest.raises(RefusedError, match=r"reach, seed 0: --instant is 99; expected"):
        show_foresight(plan_for(run, tmp_path, instant_s=99.0), Stages())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=r"policy\.pt is missing; expected the folder of a finished run"):
        open_eyes(tmp_path, tmp_path, torch.device("cpu"))
    torch.save({"family": "small"}, tmp_path / "policy.pt")
    with pytest.raises(ConfigError, match=r"policy\.pt: family is 'small'"):
        open_eyes(tmp_path, tmp_path, torch.device("cpu"))
    (tmp_path / "policy.pt").write_bytes((run / "policy.pt").read_bytes()[:5000])
    with pytest.raises(ConfigError, match=r"policy\.pt: it cannot be read"):
        open_eyes(tmp_path, tmp_path, torch.device("cpu"))


def test_a_policy_of_no_world_or_without_foresight_is_refused(run: Path, tmp_path: Path) -> None:
    policy = tiny_policy()
    with pytest.raises(
        RefusedError,
        match="sees through wrist and follows fold, reach; expected those of a simulated world: so101, metaworld",
    ):
        Onlooker(replace(policy.config, camera="wrist"))
    with pytest.raises(RefusedError, match="follows fold; expected"):
        Onlooker(replace(policy.config, instructions=("fold",)))
    saved = torch.load(run / "policy.pt", weights_only=True)
    saved["config"]["sees"] = "frame"
    saved["weights"]["condenser.enter.0.weight"] = saved["weights"]["condenser.enter.0.weight"][:, -4 - 2 * DIM :]
    torch.save(saved, tmp_path / "policy.pt")
    with pytest.raises(ConfigError, match="sees is 'frame'; expected 'foresight'"):
        open_eyes(tmp_path, tmp_path, torch.device("cpu"))


def test_a_teacher_of_another_policy_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.pt").symlink_to(run / "policy.pt")
    write_torch(tmp_path / "depth-teacher.pt", {"sizes": {"dim": 4}, "weights": DepthTeacher(4).state_dict()})
    with pytest.raises(ConfigError, match=r"depth-teacher\.pt: features is 4; expected 8"):
        open_eyes(tmp_path, tmp_path, torch.device("cpu"))


def test_the_command_names_what_it_can_show_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", "foresight", "--help"])
    assert ended.value.code == 0
    assert "--instant" in capsys.readouterr().out
    assert main(["show", "foresight", str(tmp_path / "nowhere")]) == 2
    told = capsys.readouterr().err.strip()
    assert len(told.splitlines()) == 1
    assert "nowhere: policy.pt is missing" in told
