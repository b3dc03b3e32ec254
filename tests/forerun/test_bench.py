"""`forerun bench` measures a bundle or counts it, writes what it is told to, and refuses in a line what it cannot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from forerun.__main__ import main

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/data/tiny_bundle"
SHIPPED = ROOT / "robots/bundles/so101-small"


def test_a_bundle_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, drawn = tmp_path / "latency.json", tmp_path / "latency.png"
    assert main(["bench", str(TINY), "--runs", "10", "--json", str(told), "--plot", str(drawn)]) == 0
    shown = capsys.readouterr().out
    assert "tiny, 10 runs, threads 1" in shown
    assert "ONNX Runtime, as it comes" in shown
    figures = json.loads(told.read_text())
    assert {(row["graph"], row["contender"]) for row in figures["rows"]} >= {
        ("foresight", "forerun"),
        ("action", "forerun"),
    }
    assert figures["asked"] == {"bundle": str(TINY), "threads": 1, "against": None}
    assert drawn.stat().st_size > 1000


def test_a_bundle_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, drawn = tmp_path / "roofline.json", tmp_path / "roofline.png"
    asked = [
        "--roofline",
        "orin-nano-8",
        "--precision",
        "fp32",
        "--assume",
        "int8",
        "--json",
        str(told),
        "--plot",
        str(drawn),
    ]
    assert main(["bench", str(SHIPPED), *asked]) == 0
    shown = capsys.readouterr().out
    assert "MAXN_SUPER" in shown
    assert "what holds it" in shown
    figures = json.loads(told.read_text())
    assert {floor["board"] for floor in figures["floors"]} == {"orin-nano-8"}
    assert {count["precision"] for count in figures["counted"]} == {"fp32", "int8, assumed"}
    assert all(floor["floor_ms"] < floor["expected_ms"][0] < floor["expected_ms"][1] for floor in figures["floors"])
    assert drawn.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["graph.onnx"], "a graph alone has no inputs to be timed on"),
        (["graph.onnx", "--roofline", "all"], "graph.onnx: No such file"),
        ([str(TINY), "--runs", "0"], "--runs and --threads are 1 or more"),
        ([str(TINY), "--against", "jax=runs/x"], "expected torch=RUN"),
        ([str(TINY), "--precision", "cpu-int8"], "has no cpu-int8 artefact"),
        ([str(ROOT / "docs")], "manifest.toml"),
        ([str(SHIPPED), "--roofline", "all", "--plot", "picture.nothing"], "--plot"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert reason in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("arguments", "library", "extra"),
    [
        (["--roofline", "all"], "onnx", "export"),
        (["--against", "torch=runs/x"], "torch", "export"),
        (["--roofline", "all", "--plot", "roofline.png"], "matplotlib", "report"),
    ],
)
def test_a_library_that_a_robot_has_not_is_named(arguments: list[str], library: str, extra: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; from forerun.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "bench", str(SHIPPED), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip() == f'forerun bench: {library} is not installed: pip install "forerun[{extra}]"'
