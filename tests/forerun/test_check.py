"""forerun check, as a person uses it: what it prints, where it points, and with which status it ends; never a traceback."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.closed_loop import gate
from bench.closed_loop.lockstep import Outcome
from bench.gated_bundle_rig import make_gated_bundle, sha256, tiny_samples, write
from forerun.__main__ import main
from interfaces.bundle_artefact import Gate
from interfaces.bundle_manifest import HELDOUT_FILE, load_manifest
from interfaces.sample_file import write_samples
from runtime.bundles.signature import make_key
from runtime.bundles.signing import sign_bundle

settings.register_profile("check", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("check")

ROBOT_FILE = Path(__file__).parents[2] / "robots/simulated.toml"
EXPORTED = (Gate(name="action error", limit=0.02, measured=0.012, outcome="passed", worst="frame 1, joint gripper"),)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose second artefact is a little off."""
    folder = tmp_path_factory.mktemp("whole") / "tiny"
    return make_gated_bundle(folder, tiny_samples(300), off_ratio=0.02, gates=EXPORTED)


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(whole, tmp_path / "tiny"))


def check(folder: Path, *options: str) -> int:
    """Run the command as on a machine without trusted keys."""
    keys = ["--trusted-keys", str(folder.parent / "no-keys")] if "--trusted-keys" not in options else []
    return main(["check", str(folder), "--robot", str(ROBOT_FILE), *keys, *options])


def row(printed: str, gate: str) -> list[str]:
    """Return the cells of the last row of a gate."""
    line = next(line for line in reversed(printed.splitlines()) if f"  {gate}  " in line)
    return line.split(gate, 1)[1].split(maxsplit=4)


def test_a_good_bundle_is_measured_again_and_is_good(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(bundle) == 0
    printed = capsys.readouterr().out
    assert "not signed" in printed
    assert "all 5 are what the manifest says" in printed
    limit, at_export, here, verdict, worst = row(printed, "action error")
    assert (float(limit), float(at_export), verdict) == (0.02, 0.012, "passed")
    assert 1e-4 < float(here) < 0.02
    assert worst.startswith("frame ")
    assert ", joint " in worst
    assert row(printed, "foresight cosine")[3] == "passed"
    assert "largest action error of each joint over 300 held-out frames" in printed
    assert "every gate that was measured here is passed" in printed


def test_a_wrong_artefact_is_found_with_gate_frame_and_joint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its manifest claims that all was well at export."""
    folder = make_gated_bundle(tmp_path / "wrong", tiny_samples(40), off_ratio=0.6, gates=EXPORTED)
    assert check(folder) == 1
    printed = capsys.readouterr().out
    limit, at_export, here, verdict, worst = row(printed, "action error")
    assert (float(limit), float(at_export), verdict) == (0.02, 0.012, "FAILED")
    assert float(here) > 0.02
    assert worst.startswith("frame ")
    assert "40 held-out frames; forerun's gates are for 300 or more" in printed
    assert "NOT GOOD" in printed


def test_what_was_not_ready_at_export_counts_only_where_it_is_asked_for(tmp_path: Path) -> None:
    folder = make_gated_bundle(tmp_path / "bad", tiny_samples(20), off_ratio=0.6, ready=False)
    assert check(folder) == 0
    assert check(folder, "--precision", "cpu-int8") == 1
    assert check(folder, "--precision", "fp32") == 0


def test_a_manifest_that_allows_itself_more_is_held_to_the_limit(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = load_manifest(bundle)
    fp32, int8 = manifest.artefacts
    lax = replace(int8, gates=(replace(EXPORTED[0], limit=0.9),))
    write(bundle, replace(manifest, artefacts=(fp32, lax)))
    assert check(bundle, "--precision", "cpu-int8") == 0
    printed = capsys.readouterr().out
    assert float(row(printed, "action error")[0]) == 0.02
    assert "note: cpu-int8, action error: the manifest's limit 0.9 is laxer than forerun's 0.02" in printed


def test_one_that_does_not_reproduce_torch_is_a_line_of_the_table(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = load_manifest(bundle)
    fp32, int8 = manifest.artefacts
    write(bundle, replace(manifest, artefacts=(fp32, replace(int8, action_max_abs_rad=1e-6))))
    assert check(bundle) == 1
    printed = capsys.readouterr().out
    assert row(printed, "opens")[3] == "FAILED"
    assert "parity of action: positions of sample" in printed


def test_without_a_reference_or_frames_only_parity_speaks(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = load_manifest(bundle)
    write(bundle, replace(manifest, artefacts=manifest.artefacts[1:]))
    (bundle / "action.onnx").unlink()
    assert check(bundle) == 0
    assert "the bundle has neither fp32 nor fp16 to compare with" in capsys.readouterr().out
    write(bundle, replace(manifest, artefacts=manifest.artefacts[1:], heldout=None))
    (bundle / HELDOUT_FILE).unlink()
    assert check(bundle) == 0


def test_a_signature_can_be_required(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    assert check(bundle, "--require-signature") == 1
    assert "holds no *.pub" in capsys.readouterr().err
    public_file, key = make_key(tmp_path / "alice")
    public_file.rename(keys / "alice.pub")
    assert check(bundle, "--trusted-keys", str(keys)) == 1
    assert "is not signed; this robot wants it signed with one of alice.pub" in capsys.readouterr().err
    sign_bundle(bundle, tmp_path / "alice")
    assert check(bundle, "--trusted-keys", str(keys), "--require-signature", "--precision", "fp32") == 0
    assert f"signed with alice.pub ({key})" in capsys.readouterr().out
    with (bundle / "manifest.toml").open("a") as manifest:
        manifest.write("# changed\n")
    assert check(bundle, "--trusted-keys", str(keys)) == 1
    assert "the signature of alice.pub" in capsys.readouterr().err


def test_held_out_frames_of_another_bundle_are_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = tiny_samples(3)
    samples["joints"] = samples["joints"][:, :5]
    write_samples(bundle / HELDOUT_FILE, samples)
    manifest = load_manifest(bundle)
    assert manifest.heldout is not None
    write(bundle, replace(manifest, heldout=replace(manifest.heldout, sha256=sha256(bundle / HELDOUT_FILE))))
    assert check(bundle) == 1
    assert "heldout.npz: joints is 'float32 (3, 5)'; expected float32 (sample, 6)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--precision", "trt-int8"), "bundle tiny has no trt-int8 artefact, only fp32, cpu-int8"),
        (("--robot", str(ROBOT_FILE.with_name("yam.toml"))), "--robot FILE tells of another robot"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    bundle: Path, options: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(bundle, *options) == 1
    assert complaint in capsys.readouterr().err


def test_engines_are_missed_on_a_machine_without_them(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from runtime.tensorrt import probe

    monkeypatch.setattr(probe, "probe", lambda: probe.Missing("no NVIDIA driver"))
    assert check(bundle, "--precision", "tensorrt") == 1
    assert "no NVIDIA driver" in capsys.readouterr().out


def test_a_stray_file_and_a_missing_folder_are_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "engine.plan").write_bytes(b"native code")
    assert check(bundle) == 1
    assert "engine.plan: its manifest does not name this file" in capsys.readouterr().err
    assert check(bundle.parent / "nowhere") == 1
    assert "manifest.toml: No such file or directory" in capsys.readouterr().err


@settings(max_examples=40)
@given(
    file=st.sampled_from(["manifest.toml", "heldout.npz", "parity.npz"]), place=st.integers(0), byte=st.integers(0, 255)
)
def test_any_damaged_byte_ends_in_one_line(
    bundle: Path, file: str, place: int, byte: int, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (bundle / file).read_bytes()
    damaged = bytearray(good)
    damaged[place % len(good)] = byte
    (bundle / file).write_bytes(damaged)
    try:
        status = check(bundle, "--precision", "fp32")
        printed = capsys.readouterr()
        assert status == (1 if printed.err else 0)
        assert printed.err.count("\n") <= 1
        if file != "manifest.toml":  # a letter in its text may be another, and as good
            assert (status == 0) == (bytes(damaged) == good)
    finally:
        (bundle / file).write_bytes(good)


def test_a_folder_that_cannot_be_read_is_a_line(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        (bundle / "parity.npz").unlink()
        (bundle / "parity.npz").mkdir()
    else:
        (bundle / "parity.npz").chmod(0)
    assert check(bundle) == 1
    assert "parity.npz" in capsys.readouterr().err


@pytest.mark.parametrize(("lost", "status", "verdict"), [(2, 0, "passed"), (3, 1, "FAILED")])
def test_the_closed_loop_is_played_with_both_and_compared(
    bundle: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lost: int,
    status: int,
    verdict: str,
) -> None:
    """The episodes are made up here; tests/bench/closed_loop/test_gate.py plays real ones."""
    played: list[tuple[str, int]] = []

    def play(run: gate.GateRun, precision: str, _progress: object) -> list[Outcome]:
        played.append((precision, run.n_seeds))
        fails = range(lost) if precision == "cpu-int8" else ()
        return [
            Outcome(task, seed, None if task == "push" and seed in fails else 1.0)
            for task in run.tasks
            for seed in range(100)
        ]

    monkeypatch.setattr(gate, "play", play)
    assert check(bundle, "--closed-loop", "--seeds", "100") == status
    printed = capsys.readouterr().out
    assert played == [("fp32", 100), ("cpu-int8", 100)]
    limit, _, here, said, worst = row(printed, "closed loop")
    assert (float(limit), float(here), said) == (0.02, lost / 100, verdict)
    assert worst.startswith(f"task push: {100 - lost} of 100, reference 100, lost on seed 0 1")
