"""A plan is compared with the manifest before anything is bound: names, ways, types, shapes."""

import sys
from dataclasses import replace

import pytest

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.errors import BundleError, DeviceError
from runtime.tensorrt.engine import TensorrtEngine
from runtime.tensorrt.plan import import_tensorrt
from tests.runtime.tensorrt.fake_driver import FakeDriver
from tests.runtime.tensorrt.fake_tensorrt import plan_of

OTHER = TensorSpec(name="joints", shape=(7,), dtype="float32")


def changed(spec: GraphSpec, tensor: TensorSpec) -> GraphSpec:
    """Return a spec with one input replaced."""
    return replace(spec, inputs=tuple(tensor if given.name == tensor.name else given for given in spec.inputs))


def test_a_plan_that_differs_is_refused(machine: FakeDriver, action: GraphSpec) -> None:
    positions = action.outputs[0]
    cases = {
        r"input joints is float32 \(7,\); the manifest says float32 \(6,\)": changed(action, OTHER),
        r"input joints is float16 \(6,\); the manifest": changed(action, replace(OTHER, shape=(6,), dtype="float16")),
        r"input joints is bfloat16 \(6,\); the man": changed(action, replace(OTHER, shape=(6,), dtype="bfloat16")),
        r"input joints is float32 \(-1,\); the manifest says": changed(action, replace(OTHER, shape=(-1,))),
        "input noise is not in the plan, which has tokens, joints, f": replace(action, inputs=action.inputs[:-1]),
        "input extra is in the plan but not in the manifest": replace(
            action, inputs=(*action.inputs, replace(OTHER, name="extra"))
        ),
        "input joints is not in the plan": replace(
            action, inputs=tuple(t for t in action.inputs if t.name != "joints"), outputs=(positions, OTHER)
        ),
        "output positions is not in the plan, which has none": replace(action, outputs=()),
    }
    for complaint, plan in cases.items():
        with pytest.raises(BundleError, match=f"graph {complaint}"):
            TensorrtEngine(plan_of(plan), "graph", action, urgent=True)
        assert machine.live == 0
    assert machine.calls("cuMemAlloc_v2") == machine.calls("cuMemHostAlloc") == 0  # refused before memory was bound


def test_what_is_no_plan_is_refused_with_tensorrts_reason(machine: FakeDriver, action: GraphSpec) -> None:
    with pytest.raises(BundleError, match=r"graph: TensorRT 10\.3\.0 cannot open the plan: .* magicTag does not match"):
        TensorrtEngine(b"no plan", "graph", action, urgent=True)
    assert machine.live == 0


def test_a_tensor_in_the_processors_memory_is_refused(machine: FakeDriver, action: GraphSpec) -> None:
    with pytest.raises(BundleError, match="graph: TensorRT wants joints in the processor's memory"):
        TensorrtEngine(plan_of(action, on_host="joints"), "graph", action, urgent=True)
    assert machine.live == 0


@pytest.mark.parametrize("error", [ImportError("libnvinfer.so.10"), OSError("libnvdla_compiler.so: cannot open")])
def test_tensorrt_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "tensorrt":
                raise error

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(DeviceError, match=f"^no TensorRT: {error}"):
        import_tensorrt()
