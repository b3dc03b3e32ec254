"""forerun export as a person uses it: the example of docs/export.md, from the file of a policy to a bundle that the runtime opens."""

from pathlib import Path

import numpy as np
import pytest

from bench.samples.from_simulator import SimulatorPlan, gather_from_simulator
from forerun.__main__ import main
from interfaces.bundle_manifest import load_manifest
from interfaces.progress import silent
from interfaces.robot_config import load_robot
from interfaces.sample_file import read_samples, write_samples
from runtime.policy.bundle import open_bundle

pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/act_policy.py"
ROBOT = ROOT / "robots/simulated.toml"


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of the simulated robot: few, each shown several times with other joints."""
    folder = tmp_path_factory.mktemp("frames")
    bundle = ROOT / "robots/bundles/so101-small"
    plan = SimulatorPlan(robot_file=ROBOT, bundle=bundle, n_samples=20, first_seed=20_000, workers=1)
    few = gather_from_simulator(plan, silent)
    many = {name: np.concatenate([rows] * 3) for name, rows in few.items()}
    many["joints"] += np.random.default_rng(0).normal(0.0, 0.02, many["joints"].shape).astype(np.float32)
    write_samples(folder / "frames.npz", many)
    write_samples(folder / "ranges.npz", {name: rows[:40] for name, rows in many.items()})
    return folder / "frames.npz"


def test_the_example_becomes_a_bundle_that_acts(
    frames: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(frames.parent)
    monkeypatch.setattr("export.gates.limits.FRAMES_MIN", 60)  # 300 would take a minute of processor time
    asked = ["--calibration", "ranges.npz", "--heldout", "frames.npz", "--no-closed-loop"]
    status = main(["export", f"{EXAMPLE}:policy", str(tmp_path / "act"), "--precisions", "fp16", "cpu-int8", *asked])
    manifest = load_manifest(tmp_path / "act")
    assert manifest.family == "act"
    assert manifest.artefact("fp16").ready
    assert status == (0 if all(artefact.ready for artefact in manifest.artefacts) else 1)
    assert "--no-closed-loop" in capsys.readouterr().out
    samples = read_samples(frames)
    for inference in ("fp32", "fp16", "auto"):
        opened = open_bundle(tmp_path / "act", load_robot(ROBOT), inference=inference)
        tokens = opened.foresight.run({name: samples[name][0] for name in ("front", "instruction")})["tokens"]
        positions = opened.action.run({"tokens": tokens, "joints": samples["joints"][0]})["positions"]
        assert np.isfinite(positions).all()
        assert np.abs(positions - samples["joints"][0]).max() < 2.0


def test_fp32_alone_needs_no_frames(frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(frames.parent)
    assert main(["export", f"{EXAMPLE}:policy", str(tmp_path / "act"), "--precisions"]) == 0
    assert [artefact.precision for artefact in load_manifest(tmp_path / "act").artefacts] == ["fp32"]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            "nowhere",
            "nowhere: policy.pt is missing; expected a finished run of `forerun distill`, a bundle, or FILE.py:FUNCTION",
        ),
        ("nowhere.py:policy", "nowhere.py: file is missing; expected a readable Python file"),
        (f"{EXAMPLE}:policies", "policies is missing; expected a function that returns a TorchPolicy"),
        (f"{EXAMPLE}:Encoder", "Encoder is 'Encoder'; expected a TorchPolicy as its result"),
    ],
)
def test_what_is_no_policy_is_said_in_a_line(
    source: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", source, str(tmp_path / "bundle")]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "bundle").exists()


def test_too_few_heldout_frames_are_refused(
    frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(frames.parent)
    write_samples(tmp_path / "few.npz", {name: rows[:20] for name, rows in read_samples(frames).items()})
    asked = ["--calibration", str(frames), "--heldout", str(tmp_path / "few.npz")]
    assert main(["export", str(ROOT / "robots/bundles/so101-small"), str(tmp_path / "bundle"), *asked]) == 2
    assert "few.npz: 20 samples; needed are at least 300" in capsys.readouterr().err


def test_a_folder_that_is_no_bundle_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert main(["export", f"{EXAMPLE}:policy", str(mine), "--precisions"]) == 2
    assert "is there, and is no bundle" in capsys.readouterr().err
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_a_place_that_cannot_be_written_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["export", f"{EXAMPLE}:policy", str(tmp_path / "file" / "act"), "--precisions"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_block_that_there_is_not_is_refused_before_frames_are_gathered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--pin", "foresight/no_such_block"]
    assert main(["export", str(ROOT / "robots/bundles/so101-small"), str(tmp_path / "bundle"), *asked]) == 2
    said = capsys.readouterr()
    assert "no_such_block" in said.err
    assert "frames from the simulator" not in said.out


def test_no_episodes_at_all_are_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(ROOT / "robots/bundles/so101-small"), str(tmp_path / "bundle"), "--seeds", "0"])
    assert "'0': expected a whole number, 1 or more" in capsys.readouterr().err
