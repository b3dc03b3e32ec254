"""The builder's one code path, on TensorRT-RTX in the place of TensorRT: it needs no GPU (reference: its `cpu-engines` page)."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.engines.build_job import BuildJob
from export.engines.build_process import BUILD_COMMAND, run_build
from export.engines.builder import BuildRequest, build_engine
from export.engines.builder_voice import SHARES, Phases, Said
from export.engines.candidates import CANDIDATES, BundleSource, Source, prepare
from export.engines.child import Watch, run_child
from interfaces.bundle_manifest import GraphSpec, load_manifest
from interfaces.engine_record import BuildSettings
from interfaces.errors import BundleError, DeviceError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH
from interfaces.progress import silent

Models = dict[tuple[str, str], ModelProto]
Request = Callable[..., BuildRequest]

SETTINGS = BuildSettings(memory_mb=256, optimisation_level=0, candidates=("fp16",))
STAND_IN = "SM86"  # the nearest that TensorRT-RTX knows to the 8.7 of Orin


@pytest.fixture(scope="module")
def trt() -> Any:
    """TensorRT-RTX."""
    pytest.importorskip("tensorrt_rtx_libs")
    return pytest.importorskip("tensorrt_rtx_bindings")


@pytest.fixture
def request_for(bundle: Path) -> Request:
    """Makes a request to build a file of the bundle."""
    manifest = load_manifest(bundle)

    def make(file: str, graph: str = FORESIGHT_GRAPH, external: bool = False) -> BuildRequest:  # noqa: FBT001, FBT002
        return BuildRequest(
            name=file,
            graph=bundle / file,
            external=external,
            spec=manifest.foresight if graph == FORESIGHT_GRAPH else manifest.action,
            settings=SETTINGS,
            capability=STAND_IN,
        )

    return make


def test_every_candidate_of_both_graphs_is_built(trt: Any, bundle: Path, tmp_path: Path) -> None:
    manifest = load_manifest(bundle)
    sizes: dict[tuple[str, str], int] = {}
    for graph, spec in ((FORESIGHT_GRAPH, manifest.foresight), (ACTION_GRAPH, manifest.action)):
        for candidate in CANDIDATES:
            source = prepare(candidate, BundleSource(bundle, manifest), graph, tmp_path)
            if isinstance(source, Source):
                request = BuildRequest(
                    name=candidate.name, graph=source.path, external=source.external, spec=spec, settings=SETTINGS,
                    capability=STAND_IN,
                )  # fmt: skip
                sizes[graph, candidate.name] = build_engine(trt, request, silent).weights_bytes
    foresight = [name for graph, name in sizes if graph == FORESIGHT_GRAPH]
    assert foresight == ["int8-fp16", "int8-fp32", "int8-conv", "int8-linear", "fp16", "fp32"]
    assert [name for graph, name in sizes if graph == ACTION_GRAPH] == ["int8-fp16", "int8-fp32", "fp16", "fp32"]
    # What is stored says in which type it is: the linear layer has 8192 weights; those of convolutions are padded.
    assert sizes[FORESIGHT_GRAPH, "fp32"] - sizes[FORESIGHT_GRAPH, "fp16"] > 15_000
    assert sizes[FORESIGHT_GRAPH, "fp16"] - sizes[FORESIGHT_GRAPH, "int8-linear"] > 5_000
    assert sizes[FORESIGHT_GRAPH, "int8-conv"] > sizes[FORESIGHT_GRAPH, "int8-fp16"] + 5_000


def test_progress_is_told_and_never_falls(trt: Any, request_for: Request) -> None:
    told: list[int] = []
    build_engine(trt, request_for("action.fp16.onnx", ACTION_GRAPH), lambda done, _total, _text: told.append(done))
    assert len(told) > 5
    assert told == sorted(told)
    assert told[-1] <= SHARES


def test_a_graph_with_its_weights_beside_it_is_built(
    trt: Any, bundle: Path, models: Models, request_for: Request
) -> None:
    import onnx

    model = ModelProto.FromString(models["fp16", FORESIGHT_GRAPH].SerializeToString())
    onnx.save(
        model, bundle / "large.onnx", save_as_external_data=True, location="large.onnx.weights",
        size_threshold=64,
    )  # fmt: skip
    assert (bundle / "large.onnx.weights").stat().st_size > 3000
    beside = build_engine(trt, request_for("large.onnx", external=True), silent)
    assert beside.weights_bytes == build_engine(trt, request_for("foresight.fp16.onnx"), silent).weights_bytes


def test_all_that_the_parser_says_is_in_the_refusal(trt: Any, bundle: Path, request_for: Request) -> None:
    write_action(bundle / "odd.onnx", helper.make_node("Dream", ["joints"], ["dreamt"], name="dream", domain="odd"))
    with pytest.raises(BundleError, match=r"odd\.onnx: TensorRT does not accept the graph: .*Dream"):
        build_engine(trt, request_for("odd.onnx", ACTION_GRAPH), silent)


def test_a_zero_point_that_is_not_zero_is_refused(trt: Any, bundle: Path, request_for: Request, models: Models) -> None:
    model = ModelProto.FromString(models["trt-int8", ACTION_GRAPH].SerializeToString())
    zero = next(tensor for tensor in model.graph.initializer if tensor.name == "zero_0")
    zero.CopyFrom(numpy_helper.from_array(np.array(3, np.int8), "zero_0"))
    (bundle / "asymmetric.onnx").write_bytes(model.SerializeToString())
    with pytest.raises((BundleError, DeviceError), match=r"asymmetric\.onnx: TensorRT .*zero"):
        build_engine(trt, request_for("asymmetric.onnx", ACTION_GRAPH), silent)


def test_tensors_that_are_not_the_manifests_are_refused(trt: Any, request_for: Request) -> None:
    wrong = request_for("action.fp16.onnx", ACTION_GRAPH)
    joints = wrong.spec.inputs[1]
    for changed, complaint in (
        (replace(joints, shape=(3,)), r"input joints is float32 \(2,\); the manifest says float32 \(3,\)"),
        (replace(joints, dtype="uint8"), r"input joints is float32 \(2,\); the manifest says uint8 \(2,\)"),
        (replace(joints, name="angles"), r"input angles is missing; the manifest says float32 \(2,\)"),
        (None, "input joints is not in the manifest"),
    ):
        inputs = tuple(changed if tensor is joints else tensor for tensor in wrong.spec.inputs)
        spec = GraphSpec(inputs=tuple(one for one in inputs if one is not None), outputs=wrong.spec.outputs)
        with pytest.raises(BundleError, match=complaint):
            build_engine(trt, replace(wrong, spec=spec), silent)


def test_a_file_that_is_no_graph_is_refused(trt: Any, bundle: Path, request_for: Request) -> None:
    (bundle / "noise.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(BundleError, match=r"noise\.onnx: TensorRT does not accept the graph"):
        build_engine(trt, request_for("noise.onnx"), silent)
    with pytest.raises(BundleError, match=r"absent\.onnx: No such file"):
        build_engine(trt, request_for("absent.onnx"), silent)


def test_without_a_gpu_the_builder_says_so() -> None:
    class NoGpu:
        """What TensorRT's bindings do where its library cannot make a builder."""

        class ILogger:
            def __init__(self) -> None: ...

        @staticmethod
        def Builder(logger: Any) -> Any:  # noqa: N802 - TensorRT's name
            class Severity:
                name = "ERROR"

            logger.log(Severity, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")

    request = BuildRequest(
        name="fp16", graph=Path("x"), external=False, spec=GraphSpec(inputs=(), outputs=()), settings=SETTINGS
    )
    with pytest.raises(DeviceError, match="TensorRT made no builder: CUDA initialization failure with error: 35"):
        build_engine(NoGpu, request, silent)


def test_a_process_of_its_own_builds_the_same(trt: Any, bundle: Path, tmp_path: Path) -> None:
    del trt
    manifest, told = load_manifest(bundle), list[str]()
    folder = tmp_path / "work"
    folder.mkdir()
    job = BuildJob(
        name="action fp16", module="tensorrt_rtx_bindings", capability=STAND_IN, graph=str(bundle / "action.fp16.onnx"),
        external=False, spec=manifest.action, settings=SETTINGS,
    )  # fmt: skip
    clock_ns = iter(range(0, 10**12, 10**9)).__next__
    watch = Watch(command=BUILD_COMMAND, progress=lambda _done, _total, text: told.append(text), clock_ns=clock_ns)
    outcome = run_build(job, folder, watch)
    assert outcome.plan.stat().st_size > 1000
    assert outcome.result.layers > 5
    assert outcome.build_s > 0
    assert any(re.fullmatch(r"[A-Z].*, \d+ s", text) for text in told)
    with pytest.raises(BundleError, match=r"absent\.onnx: No such file"):
        run_build(replace(job, graph=str(bundle / "absent.onnx")), folder, watch)


def test_a_module_that_cannot_be_loaded_is_named(bundle: Path, tmp_path: Path) -> None:
    watch = Watch(command=BUILD_COMMAND, progress=silent, clock_ns=lambda: 0)
    job = BuildJob(
        name="fp16", module="tensorrt_that_is_not_there", capability="", graph=str(bundle / "action.fp16.onnx"),
        external=False, spec=GraphSpec(inputs=(), outputs=()), settings=SETTINGS,
    )  # fmt: skip
    with pytest.raises(BundleError, match="TensorRT cannot be used: No module named 'tensorrt_that_is_not_there'"):
        run_build(job, tmp_path, watch)


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("import os, signal; os.write(2, b'Myelin: oh\\n'); os.kill(os.getpid(), signal.SIGSEGV)",
         "fp16: its process crashed: SIGSEGV; it said last: Myelin: oh"),
        ("raise MemoryError('no more')", "fp16: its process ended with status 1; it said last: .*MemoryError: no more"),
    ],
)  # fmt: skip
def test_a_child_that_dies_says_its_last_words(program: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=complaint):
        run_child("fp16", tmp_path, child(program))


def test_a_child_that_hangs_is_given_up(tmp_path: Path) -> None:
    program = "import time; print('progress 1 10 thinking', flush=True); time.sleep(600)"
    clock_ns = iter(range(0, 10**15, 10**11)).__next__  # a hundred seconds at each look
    with pytest.raises(DeviceError, match="fp16: not done after 150 s; given up"):
        run_child("fp16", tmp_path, replace(child(program), clock_ns=clock_ns, time_max_s=150.0))


def test_what_an_earlier_child_left_is_not_taken_for_its_result(tmp_path: Path) -> None:
    (tmp_path / "result.toml").write_text('refused = ""', encoding="utf-8")
    with pytest.raises(DeviceError, match="fp16: its process ended with status 0"):
        run_child("fp16", tmp_path, child("pass"))


def test_a_child_ends_when_it_is_not_watched_any_more(tmp_path: Path) -> None:
    class InterruptedWatchError(Exception):
        """As Ctrl-C."""

    def interrupt(_done: int, _total: int, _text: str) -> None:
        raise InterruptedWatchError

    program = (
        "import os, pathlib, sys, time; pathlib.Path(sys.argv[1], 'pid').write_text(str(os.getpid()));"
        "print('progress 1 10 x', flush=True); time.sleep(600)"
    )
    with pytest.raises(InterruptedWatchError):
        run_child("fp16", tmp_path, replace(child(program), progress=interrupt))
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def child(program: str) -> Watch:
    """Return how a Python program is watched."""
    return Watch(command=(sys.executable, "-I", "-c", program), progress=silent, clock_ns=lambda: 0)


def test_phases_inside_phases_are_one_share() -> None:
    told: list[tuple[int, str]] = []
    phases = Phases(lambda done, _total, text: told.append((done, text)))
    phases.start("whole", 2)
    phases.start("half", 4)
    phases.step("half", 1)
    phases.finish("half")
    phases.step("whole", 0)
    phases.step("unknown", 3)
    phases.step("whole", 1)
    phases.finish("whole")
    phases.finish("whole")
    assert told == [(250, "half"), (500, "whole"), (1000, "whole")]


def test_each_warning_is_kept_once() -> None:
    said = Said()
    for severity, text in (("WARNING", "a"), ("WARNING", "a"), ("ERROR", "b"), ("INFO", "c")):
        said.take(severity, text)
    said.take("INFO", "Total Weights Memory: 123 bytes")
    assert (said.warnings, said.errors, said.weights_bytes) == (["a"], ["b"], 123)


def write_action(path: Path, node: Any) -> None:
    """Write a graph with one node of that kind."""
    graph = helper.make_graph(
        [node],
        "odd",
        [helper.make_tensor_value_info("joints", TensorProto.FLOAT, (2,))],
        [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, (2,))],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("odd", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
