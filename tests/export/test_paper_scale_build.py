"""The steps of the paper-scale trial, on graphs that are not: quantised, checked, built, and not done twice."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from rich.console import Console

from export import paper_scale_build
from export.paper_scale_build import STEPS, Figures, Step, build_step, quantise_step, run_all, table_of
from export.tensorrt_rules.check import check_file
from interfaces.errors import ForerunError
from tests.data.make_tiny_svam import filled


def figures_of(step: Step) -> Figures:
    figures = {"wall_s": 12.0, "peak_rss_bytes": 3e9}
    if step.action == "export":
        return figures | {"foresight": 100.0, "action": 7.0}
    if step.action == "build":
        int8 = {"int8": 1.01} if step.precision == "trt-int8" else {}
        return figures | {"layers": 40.0, "weights_bytes": 2e9, "plan_bytes": 2.5e9, "build_s": 21.0} | int8
    return figures


def test_every_step_runs_once_and_a_failed_one_is_where_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(_folder: Path, step: Step, _tell: object) -> Figures:
        if step.action == "quantise" and len(ran) == 3:
            raise ForerunError(f"{step.key} failed")
        ran.append(step.key)
        return figures_of(step)

    monkeypatch.setattr(paper_scale_build, "run_step", run)
    with pytest.raises(ForerunError, match="quantise foresight"):
        run_all(tmp_path / "new", lambda _text: None)
    assert ran == ["export fp16", "build foresight fp16", "build action fp16"]
    ran.append("mended")
    done = run_all(tmp_path / "new", lambda _text: None)
    assert ran[4:] == [step.key for step in STEPS[3:]]
    assert list(json.loads((tmp_path / "new" / "steps.json").read_text())) == list(done) == [step.key for step in STEPS]
    console = Console(record=True, width=160)
    console.print(table_of(done))
    shown = console.export_text()
    assert shown.count("2500") == 4
    assert shown.count("12 (3.0)") == 2
    assert shown.count("1.01") == 2


def test_an_fp16_graph_is_quantised_and_built(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="needs the extra rtx")
    onnx.save(filled("action"), tmp_path / "action.fp16.onnx")
    made = quantise_step(tmp_path, Step(action="quantise", graph="action", precision="trt-int8"))
    assert 0 < made["quantised"] < made["blocks"]
    assert check_file(tmp_path / "action.trt-int8.onnx") == []
    built = build_step(tmp_path, Step(action="build", graph="action", precision="trt-int8"))
    assert built["int8"] < 1.3
    assert "int8" not in build_step(tmp_path, Step(action="build", graph="action"))
