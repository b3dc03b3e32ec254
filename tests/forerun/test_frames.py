"""forerun frames, as a person uses it: what is gathered can be read again, and what cannot be gathered is one line."""

from pathlib import Path

import pytest

from bench.gated_bundle_rig import tiny_samples
from forerun.__main__ import main
from interfaces.bundle_manifest import load_manifest
from interfaces.sample_file import check_samples, read_samples, write_samples

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/data/tiny_bundle"
SHIPPED = ROOT / "robots/bundles/so101-small"  # its episodes end soon: it succeeds


def test_of_the_simulator_into_a_folder_that_is_not_there_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new/heldout.npz"
    options = ["--bundle", str(SHIPPED), "--count", "4", "--first-seed", "40000", "--workers", "1"]
    assert main(["frames", "simulated", str(out), *options]) == 0
    printed = capsys.readouterr().out
    assert check_samples("it", read_samples(out), load_manifest(SHIPPED)) == 4
    assert f"{out}: 4 samples, " in printed
    assert "scenes from seed 40000 on" in printed


def test_what_is_in_a_file_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_samples(tmp_path / "some.npz", tiny_samples(3))
    assert main(["frames", "show", str(tmp_path / "some.npz")]) == 0
    printed = capsys.readouterr().out
    assert "3 samples" in printed
    assert "noise           float32  [16, 6]" in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["show", "{tmp}/none.npz"], "none.npz: No such file or directory; expected a readable sample file"),
        (["record", "{tmp}", "{tmp}/out.npz", "--bundle", str(TINY)], "without a flight record"),
        (["capture", "{tmp}", "{tmp}/out.npz", "--bundle", str(TINY)], "capture.toml: No such file or directory"),
        (["capture", "{tmp}", "{tmp}/out.npz", "--bundle", "{tmp}"], "manifest.toml: No such file or directory"),
        (["capture", "{tmp}", "/proc/none/out.npz", "--bundle", str(TINY)], "/proc/none: No such file or directory"),
    ],
)
def test_what_cannot_be_gathered_is_one_line(
    tmp_path: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["frames", *(one.format(tmp=tmp_path) for one in arguments)]) == 2
    printed = capsys.readouterr().err
    assert complaint in printed
    assert printed.count("\n") == 1
