"""The benchmark of the TensorRT runner prints every row, on a fake GPU; what the rows say needs a true one."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import tensorrt_runner
from bench.tensorrt_runner import Graph, alone, durations, together
from interfaces.bundle_manifest import GraphSpec, TensorSpec, load_manifest
from interfaces.errors import DeviceError
from tests.runtime.tensorrt.fake_engines import store_engines
from tests.runtime.tensorrt.fake_machine import built_library, fake_machine
from tests.runtime.tensorrt.fake_tensorrt import plan_of

SPEC = GraphSpec(
    inputs=(TensorSpec(name="joints", shape=(6,), dtype="float32"),),
    outputs=(TensorSpec(name="tokens", shape=(64, 64), dtype="float32"),),
)
SAMPLES = tuple({"joints": np.full(6, i, np.float32)} for i in range(3))
ROW = re.compile(r".{34}(?: +\d+\.\d{3}){4}")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake driver."""
    return built_library(tmp_path_factory.mktemp("fake_cuda"))


def graphs() -> dict[str, Graph]:
    """Return two graphs."""
    return {name: Graph(name, plan_of(SPEC), SPEC, SAMPLES) for name in ("foresight", "action")}


def test_every_row_is_measured_and_nothing_stays_open(library: Path) -> None:
    with fake_machine(library) as (driver, _):
        for table, rows, captures in ((alone, 8, 6), (together, 2, 4)):
            before = driver.calls("cuStreamBeginCapture_v2")
            head, *lines = table(graphs(), 5)
            assert head.endswith("p50      p99      max      cpu")
            assert len(lines) == rows
            assert [line for line in lines if not ROW.fullmatch(line)] == []
            assert driver.calls("cuStreamBeginCapture_v2") == before + captures
            assert driver.live == 0


def test_the_foresight_engine_failing_meanwhile_is_told(library: Path) -> None:
    with fake_machine(library):
        refusing = replace(graphs()["foresight"], plan=plan_of(SPEC, recordable=False, refuses=True, after=4))
        with pytest.raises(DeviceError, match="foresight: TensorRT does not enqueue"):
            list(together({**graphs(), "foresight": refusing}, 50))


def test_runs_that_warm_up_do_not_count(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_runner, "_WARM_UP", 7)
    with fake_machine(library) as (driver, _):
        engine = graphs()["action"].opened(urgent=True)
        before = driver.calls("cuGraphLaunch")
        took = durations(engine, SAMPLES, 10)
        assert driver.calls("cuGraphLaunch") == before + 17
        assert 0 < took.p50_ms <= took.p99_ms <= took.max_ms
        engine.close()


def test_it_finds_the_bundles_engines_or_says_how_to_build_them(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = Path(__file__).parents[1] / "data/tiny_bundle"
    monkeypatch.setattr("runtime.policy.inference_choice.cache_folders", lambda: (tmp_path / "engines",))
    monkeypatch.setattr(sys, "argv", ["tensorrt_runner", str(bundle), "--runs", "3"])
    with fake_machine(library) as (driver, _):
        with pytest.raises(SystemExit, match="no engines were built for bundle tiny on this board: `forerun build "):
            tensorrt_runner.main()
        store_engines(load_manifest(bundle), tmp_path / "engines", parity_max_abs=1e9)
        tensorrt_runner.main()
        assert driver.live == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("TensorRT 10.3.0 on Orin (fake) (compute capability 8.7, integrated")
    assert len([line for line in lines if ROW.fullmatch(line)]) == 10
