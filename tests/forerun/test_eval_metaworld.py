"""`forerun eval metaworld`: what it is not given is named in one line, and steps of decoding come from a run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from bench.metaworld.evaluation import open_metaworld_bundle
from distill.svam.recipe import load_svam_recipe
from export.svam import random_policy, random_samples
from forerun.__main__ import main
from forerun.eval_metaworld import exported, with_steps
from interfaces.errors import RefusedError
from interfaces.sample_file import write_samples
from models.svam.policy import load_policy, save_policy
from sim.metaworld import package
from tests.sim.metaworld.fake_task import fake_package

TINY = str(Path(__file__).parents[1] / "data/tiny_bundle")


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in in the package's place."""
    monkeypatch.setattr(package, "_module", fake_package)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "expected a bundle or a run, or --expert instead"),
        ([TINY, "--expert"], "expected a bundle or a run, or --expert instead"),
        ([TINY], "moves joints"),
        ([TINY, "--steps-of-decoding", "10"], "a bundle's graph has its steps of decoding in it; give the run"),
        (["nowhere"], "policy.pt is missing; expected a finished run"),
        (["nowhere", "--steps-of-decoding", "10"], "nowhere: expected a finished S-VAM run"),
    ],
)
def test_what_cannot_be_is_said(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "metaworld", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(_name: str) -> None:
        raise RefusedError("Meta-World cannot be imported; install it: pip ...")

    monkeypatch.setattr(package, "_module", missing)
    assert main(["eval", "metaworld", "--expert", "--seeds", "1"]) == 2
    assert "forerun eval metaworld: Meta-World cannot be imported" in capsys.readouterr().err


def finished_run(folder: Path, world: str = "metaworld") -> Path:
    """Write a random policy as a finished run has it."""
    recipe = load_svam_recipe(Path(__file__).parents[2] / f"distill/recipes/{world}_svam_smoke.toml")
    save_policy(random_policy(recipe.config()), folder / "policy.pt")
    write_samples(folder / "samples.npz", random_samples(recipe.config(), 2))
    return folder


def test_a_run_of_the_arm_is_refused_before_it_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "metaworld", str(finished_run(tmp_path, "so101"))]) == 2
    assert "its policy moves joints shoulder_pan" in capsys.readouterr().err


def test_other_steps_of_decoding_leave_the_run_as_it_is(tmp_path: Path) -> None:
    before = finished_run(tmp_path)
    other = with_steps(before, 10, tmp_path / "other")
    policies = [load_policy(folder / "policy.pt") for folder in (before, other)]
    assert [policy.config.n_steps for policy in policies] == [1, 10]
    weights = [policy.state_dict() for policy in policies]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert (other / "samples.npz").read_bytes() == (before / "samples.npz").read_bytes()


@pytest.mark.slow
def test_a_run_is_exported_with_the_steps_asked_for(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    with ExitStack() as stack:
        folders = [exported(run, steps, stack) for steps in (None, 3)]
        opened = [open_metaworld_bundle(folder) for folder in folders]
        sizes = [(folder / "action.fp32.onnx").stat().st_size for folder in folders]
        assert [bundle.manifest.name for bundle in opened] == [run.name, f"{run.name} in 3 steps"]
        assert opened[0].manifest.foresight == opened[1].manifest.foresight
        assert sizes[1] > sizes[0]  # the graph holds every step
    assert not folders[0].exists()
