"""Every name that our code asks of TensorRT is in the bindings of 10.3, 10.16 and 11.4; what 11 removed is not asked for.

The lists are made by tests/data/make_tensorrt_names.py, the uses are gathered by tests.repository.tensorrt_uses.py. What was removed:
docs.nvidia.com/deeplearning/tensorrt/latest/api/migration/tensorrt-10x-to-11x-python-api-reference.html
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from tests.data.make_tensorrt_names import WHEELS, compact, download, names_in
from tests.repository.tensorrt_uses import Use, gather_uses, uses_in

ROOT = Path(__file__).parents[2]
NAMES = ROOT / "tests" / "data" / "tensorrt_names"
VERSIONS = ("10.3.0", "10.16.1", "11.4.0")

# Asked of TensorRT-RTX only, where it stands in without a GPU.
RTX_ONLY = {"ComputeCapability", "num_compute_capabilities", "set_compute_capability"}
# Removed in 11, and their names with them.
REMOVED = {
    "EXPLICIT_BATCH", "FP16", "IAlgorithmSelector", "IInt8EntropyCalibrator2", "OBEY_PRECISION_CONSTRAINTS",
    "PREFER_PRECISION_CONSTRAINTS", "device_memory_size", "int8_calibrator", "platform_has_fast_fp16", "platform_has_fast_int8",
    "quantization_flags", "set_calibration_profile",
}  # fmt: skip
# Removed in 11, while something else keeps the name: DataType has INT8 too.
REMOVED_MEMBERS = {f"BuilderFlag.{member}" for member in ("BF16", "FP16", "FP8", "INT4", "INT8")}
# Newer than 10.3.
NEWER = {
    "add_attention",
    "build_serialized_network_to_stream",
    "create_runtime_config",
    "max_num_tactics",
    "tiling_optimization_level",
}


def files() -> list[Path]:
    return [*(ROOT / "export" / "engines").glob("*.py"), *(ROOT / "runtime" / "tensorrt").glob("*.py")]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    return {version: set((NAMES / f"{version}.txt").read_text(encoding="ascii").split()) for version in VERSIONS}


@pytest.fixture(scope="module")
def uses() -> set[Use]:
    return gather_uses(files())


def test_every_name_is_in_every_version(known: dict[str, set[str]], uses: set[Use]) -> None:
    missing = [
        f"{use.where}: {use.text}: TensorRT {version} has no {use.name}"
        for use in sorted(uses)
        for version in VERSIONS
        if use.name and use.name not in known[version] | RTX_ONLY
    ]
    assert missing == []


def test_no_name_is_put_together_while_running_but_the_one_of_rtx(uses: set[Use]) -> None:
    assert {use.text for use in uses if not use.name} <= {"getattr(trt.ComputeCapability, capability)"}


def test_no_member_that_11_removed_is_asked_for(uses: set[Use]) -> None:
    asked = {".".join(use.text.split(".")[-2:]) for use in uses}
    assert not asked & REMOVED_MEMBERS


def test_the_gathering_finds_what_is_surely_there(uses: set[Use]) -> None:
    surely = {
        "Builder", "OnnxParser", "STRONGLY_TYPED", "Runtime", "build_serialized_network", "create_network", "parse",
        "deserialize_cuda_engine", "create_execution_context", "set_tensor_address", "execute_async_v3", "get_tensor_mode",
        "get_timing_cache", "get_error", "num_errors", "progress_monitor", "step_complete", "device_memory_size_v2",
    }  # fmt: skip
    assert surely <= {use.name for use in uses}


def test_nothing_that_only_some_versions_know_is_an_attribute_anywhere(known: dict[str, set[str]]) -> None:
    """Hold even where the gathering should lose track: names of the bindings that differ between versions."""
    wavering = set[str]().union(*known.values()) - set[str].intersection(*known.values())
    of_onnx = (TensorProto, NodeProto, GraphProto, ModelProto)  # some files work on graphs
    ours = {field.name for message in of_onnx for field in message.DESCRIPTOR.fields}
    asked: dict[str, str] = {}
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                asked[node.attr] = f"{path.relative_to(ROOT)}:{node.lineno}"
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                ours.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                ours.add(node.target.id)
            elif isinstance(node, ast.arg):
                ours.add(node.arg)
    assert {name: where for name, where in asked.items() if name in wavering - ours and "_" in name} == {}


def test_the_lists_tell_the_versions_apart(known: dict[str, set[str]]) -> None:
    assert known["10.3.0"] >= REMOVED
    assert known["10.16.1"] >= REMOVED
    assert not known["11.4.0"] & REMOVED
    assert not known["10.3.0"] & NEWER
    assert known["10.16.1"] >= NEWER
    assert known["11.4.0"] >= NEWER
    assert not known["11.4.0"] & RTX_ONLY


def test_uses_are_followed_through_variables_functions_objects_and_closures() -> None:
    source = {
        "a.py": """
from importlib import import_module
from b import measure

class Runner:
    def __init__(self, trt, plan):
        self._engine = trt.Runtime(None).deserialize(plan)
        self.size = int(self._engine.how_large)

    def run(self):
        first, second = (self._engine, 3)
        for tensor in [first.tensor_at(i) for i in range(second)]:
            tensor.touch()
        return measure(what=self._engine)

def module():
    return import_module("tensorrt")

def make():
    trt = module()
    def inner():
        return trt.Inner()
    later = call(lambda: trt.Lazy())
    later.lazily = 1
    inner().innermost
    class Log(trt.Base):
        def told(self, severity, text: str):
            severity.level
            text.strip()
    if hasattr(trt, "perhaps"):
        getattr(trt, "by_" + name)
    with trt.context() as opened:
        opened.inside

def call(thing):
    return thing()
""",
        "b.py": """
def measure(*, what):
    what.measured.deeply
    int(what).bit_length()
    other._engine.not_ours
    other.size.bit_count()
""",
    }
    names = {use.name for use in uses_in(source)}
    assert names == {
        "Runtime", "deserialize", "how_large", "tensor_at", "touch", "Inner", "innermost", "Lazy", "lazily", "Base", "told", "level",
        "perhaps", "", "context", "inside", "measured", "deeply",
    }  # fmt: skip


def test_a_name_that_11_removed_is_found_behind_other_names(known: dict[str, set[str]]) -> None:
    source = {"a.py": "def f(trt, plan):\n    e = g(trt.Runtime(None), plan)\n    return [x.device_memory_size for x in (e,)]\n"
                      "def g(r, plan):\n    made = r.deserialize_cuda_engine(plan)\n    return made if made else None\n"}  # fmt: skip
    missing = {use.name for use in uses_in(source)} - known["11.4.0"]
    assert missing == {"device_memory_size"}


@pytest.mark.slow
def test_the_lists_are_those_of_the_published_wheels(tmp_path: Path) -> None:
    assert tuple(wheel.version for wheel in WHEELS) == VERSIONS
    for wheel in WHEELS:
        written = (NAMES / f"{wheel.version}.txt").read_text(encoding="ascii")
        assert compact(names_in(download(wheel, tmp_path))) == written
