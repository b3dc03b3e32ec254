"""The TensorRT engine keeps the contract of an Engine; on a fake GPU that punishes a missing copy, a wrong address or an early look."""

import gc
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec
from interfaces.errors import DeviceError
from runtime.tensorrt.engine import TensorrtEngine
from tests.runtime.tensorrt.fake_driver import ILLEGAL_ADDRESS, LAUNCH_FAILED, FakeDriver
from tests.runtime.tensorrt.fake_tensorrt import expected, plan_of

Open = Callable[..., TensorrtEngine]

TAKING = (
    "cuMemAlloc_v2",
    "cuMemHostAlloc",
    "cuStreamCreateWithPriority",
    "cuEventCreate",
    "cuGraphInstantiateWithFlags",
)
PATIENCE_S = 60.0


def inputs_of(spec: GraphSpec, seed: int) -> dict[str, NDArray[Any]]:
    """Return inputs, other ones for each seed."""
    draw = np.random.default_rng(seed)
    return {
        tensor.name: (draw.random(tensor.shape) * (255 if tensor.dtype == "uint8" else 1)).astype(tensor.dtype)
        for tensor in spec.inputs
    }


def check_runs(engine: TensorrtEngine, spec: GraphSpec, gain: float = 1.0, runs: int = 5) -> None:
    """Run on other inputs each time, and compare every output."""
    for seed in range(runs):
        inputs = inputs_of(spec, seed)
        outputs = engine.run(inputs)
        for name, value in expected(spec, inputs, gain).items():
            np.testing.assert_allclose(outputs[name], value, rtol=1e-5)


@pytest.mark.parametrize("integrated", [True, False])
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("graph", ["foresight", "action"])
def test_it_computes_the_graph(
    machine: FakeDriver,
    open_graph: Open,
    request: pytest.FixtureRequest,
    graph: str,
    *,
    integrated: bool,
    recorded: bool,
) -> None:
    machine.reset(integrated=integrated)
    spec: GraphSpec = request.getfixturevalue(graph)
    check_runs(open_graph(spec, recorded=recorded), spec)
    assert machine.calls("cuGraphLaunch") == (6 if recorded else 0)  # once to warm up


def test_a_run_takes_nothing_and_launches_once(machine: FakeDriver, open_graph: Open, action: GraphSpec) -> None:
    engine = open_graph(action)
    taken, live = [machine.calls(name) for name in TAKING], machine.live
    launches, copies = machine.calls("cuGraphLaunch"), machine.calls("cuMemcpyHtoDAsync_v2")
    check_runs(engine, action, runs=20)
    assert [machine.calls(name) for name in TAKING] == taken
    assert machine.live == live
    assert machine.calls("cuGraphLaunch") == launches + 20
    assert machine.calls("cuMemcpyHtoDAsync_v2") == copies  # they are in the graph


def test_inputs_are_copied_and_outputs_are_the_engines(open_graph: Open, foresight: GraphSpec) -> None:
    engine = open_graph(foresight)
    inputs = inputs_of(foresight, 1)
    first = engine.run(inputs)["tokens"]
    kept = first.copy()
    inputs["front"][:] = 0
    assert np.array_equal(first, kept)
    assert engine.run(inputs)["tokens"] is first
    assert not np.array_equal(first, kept)


def test_strided_inputs_are_understood(open_graph: Open, foresight: GraphSpec) -> None:
    engine, inputs = open_graph(foresight), inputs_of(foresight, 1)
    wide = np.repeat(inputs["front"], 2, axis=0)
    tokens = engine.run({**inputs, "front": wide[::2]})["tokens"]
    np.testing.assert_allclose(tokens, expected(foresight, inputs)["tokens"], rtol=1e-5)


def test_inputs_that_differ_are_refused_and_the_next_run_is_well(open_graph: Open, foresight: GraphSpec) -> None:
    engine, inputs = open_graph(foresight), inputs_of(foresight, 1)
    with pytest.raises(DeviceError, match="graph: input instruction is missing; the graph wants float32"):
        engine.run({"front": inputs["front"]})
    with pytest.raises(DeviceError, match=r"input front is uint8 \(12, 64, 3\); the graph wants uint8 \(48, 64, 3\)"):
        engine.run({**inputs, "front": inputs["front"][:12]})
    with pytest.raises(DeviceError, match="input instruction is float64"):
        engine.run({**inputs, "instruction": inputs["instruction"].astype(np.float64)})
    check_runs(engine, foresight)


def test_the_action_graph_goes_first_on_the_gpu(machine: FakeDriver, open_graph: Open, action: GraphSpec) -> None:
    assert "stream priority -5, the highest" in open_graph(action, urgent=True).notes
    assert "stream priority 0, the lowest" in open_graph(action).notes
    machine.call("fake_set_priorities", 0, 0)
    assert "no stream priorities here" in open_graph(action, urgent=True).notes


def test_what_is_small_is_not_copied_on_an_integrated_gpu(
    machine: FakeDriver, open_graph: Open, action: GraphSpec
) -> None:
    assert "not copied: joints, foresight_age, noise, positions" in open_graph(action).notes
    machine.reset(integrated=False)
    assert "not copied: nothing" in open_graph(action).notes


def test_two_engines_run_at_the_same_time_in_two_threads(
    machine: FakeDriver, open_graph: Open, foresight: GraphSpec, action: GraphSpec
) -> None:
    # Opened here, used there, and the threads end before the engines do: the context must follow.
    engines = {
        "foresight": (open_graph(foresight, gain=2.0), foresight, 2.0),
        "action": (open_graph(action), action, 1.0),
    }
    failures: list[BaseException] = []

    def work(engine: TensorrtEngine, spec: GraphSpec, gain: float) -> None:
        try:
            check_runs(engine, spec, gain, runs=50)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    machine.call("fake_hold", 1)
    threads = [threading.Thread(target=work, args=arguments, daemon=True) for arguments in engines.values()]
    for thread in threads:
        thread.start()
    # Both wait inside the driver at once, and this thread still runs: neither wait holds Python's lock.
    until_ns = time.monotonic_ns() + int(PATIENCE_S * 0.5e9)
    while machine.call("fake_waiting") < 2 and time.monotonic_ns() < until_ns:
        time.sleep(0.001)
    assert machine.call("fake_waiting") == 2
    machine.call("fake_hold", 0)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


def test_work_that_cannot_be_recorded_is_enqueued_anew_and_said(
    open_graph: Open, action: GraphSpec, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        engine = open_graph(action, recordable=False)
    assert (
        "graph: runs without a CUDA graph: TensorRT does not enqueue the inference: no memory for code" in caplog.text
    )
    assert any(note.startswith("enqueued anew in each run, no CUDA graph: TensorRT does not") for note in engine.notes)
    check_runs(engine, action)


@pytest.mark.parametrize("call", ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"])
def test_a_driver_that_does_not_record_is_done_without(
    machine: FakeDriver, open_graph: Open, action: GraphSpec, call: str
) -> None:
    machine.fail(call, 801)
    engine = open_graph(action)
    assert any(f"no CUDA graph: {call}: " in note for note in engine.notes)
    check_runs(engine, action)


def test_tensorrt_that_enqueues_nothing_is_an_error_with_its_reason(open_graph: Open, action: GraphSpec) -> None:
    with pytest.raises(DeviceError, match=r"graph: TensorRT does not enqueue the inference: .* because of the test"):
        open_graph(action, refuses=True)
    engine = open_graph(action, refuses=True, after=3, recorded=False)
    engine.run(inputs_of(action, 0))
    engine.run(inputs_of(action, 1))
    for _ in range(2):
        with pytest.raises(DeviceError, match="TensorRT does not enqueue the inference"):
            engine.run(inputs_of(action, 2))


def test_a_fault_of_the_gpu_is_named_and_lasts(
    machine: FakeDriver, open_graph: Open, action: GraphSpec, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_graph(action)
    machine.fail("cuGraphLaunch", LAUNCH_FAILED)
    with pytest.raises(
        DeviceError, match=r"graph: cuGraphLaunch: CUDA_ERROR_LAUNCH_FAILED \(719\): unspecified launch"
    ):
        engine.run(inputs_of(action, 0))
    calls = machine.calls("cuGraphLaunch")
    with pytest.raises(DeviceError, match="graph: no inference since cuGraphLaunch: CUDA_ERROR_LAUNCH_FAILED"):
        engine.run(inputs_of(action, 0))
    assert machine.calls("cuGraphLaunch") == calls
    freed = machine.calls("cuMemFree_v2")
    machine.call("fake_fault", LAUNCH_FAILED)
    engine.close()
    del engine
    gc.collect()
    assert "left to the end of the process: cuCtxPushCurrent_v2: CUDA_ERROR_LAUNCH_FAILED" in caplog.text
    assert machine.calls("cuMemFree_v2") == freed


def test_a_fault_in_the_work_comes_out_where_it_is_waited_for(
    machine: FakeDriver, open_graph: Open, action: GraphSpec
) -> None:
    engine = open_graph(action)
    machine.fail("cuEventSynchronize", ILLEGAL_ADDRESS)
    with pytest.raises(DeviceError, match=r"cuEventSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS \(700\)"):
        engine.run(inputs_of(action, 0))


@pytest.mark.parametrize(
    "call",
    ["cuMemAlloc_v2", "cuMemHostAlloc", "cuStreamCreateWithPriority", "cuEventCreate", "cuCtxGetStreamPriorityRange"],
)
def test_what_was_taken_is_given_back_when_opening_fails(machine: FakeDriver, action: GraphSpec, call: str) -> None:
    for after in range(3 if call.startswith("cuMem") else 1):
        machine.fail(call, 2, after)
        with pytest.raises(DeviceError, match=r"graph: (cu|TensorRT makes no execution context|TensorRT does not enq)"):
            TensorrtEngine(plan_of(action), "graph", action, urgent=False)
        gc.collect()
        assert machine.live == 0, (call, after)


def test_closing_gives_everything_back_but_what_a_caller_looks_at(
    machine: FakeDriver, open_graph: Open, action: GraphSpec
) -> None:
    engine = open_graph(action)
    outputs = dict(engine.run(inputs_of(action, 3)))
    engine.close()
    engine.close()
    assert machine.live == len(outputs)
    np.testing.assert_allclose(outputs["positions"], expected(action, inputs_of(action, 3))["positions"], rtol=1e-5)
    with pytest.raises(DeviceError, match="graph: the engine is closed"):
        engine.run(inputs_of(action, 3))
    outputs.clear()
    assert machine.live == 0


def test_an_engine_that_hangs_is_not_pulled_from_under_its_thread(
    machine: FakeDriver, open_graph: Open, action: GraphSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.tensorrt.engine._CLOSE_S", 0.01)
    engine, came = open_graph(action), list[NDArray[Any]]()
    live = machine.live
    machine.call("fake_hold", 1)
    thread = threading.Thread(target=lambda: came.append(engine.run(inputs_of(action, 1))["positions"].copy()))
    thread.start()
    until_ns = time.monotonic_ns() + int(PATIENCE_S * 0.5e9)
    while machine.call("fake_waiting") < 1 and time.monotonic_ns() < until_ns:
        time.sleep(0.001)
    engine.close()
    assert machine.live == live
    machine.call("fake_hold", 0)
    thread.join(PATIENCE_S)
    np.testing.assert_allclose(came[0], expected(action, inputs_of(action, 1))["positions"], rtol=1e-5)
    with pytest.raises(DeviceError, match="graph: the engine is closed"):
        engine.run(inputs_of(action, 1))


@pytest.mark.parametrize("case", ["runs", "stays", "faults"])
def test_the_process_ends_well(fake_library: Path, case: str) -> None:
    # With engines closed, open, or failed; the same with the true pycuda: test_memory_pycuda.py.
    command = [sys.executable, "-m", "tests.runtime.tensorrt.pycuda_trial", case, str(fake_library)]
    ended = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "well\n"), ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_engine_nobody_has_any_more_is_closed_in_whatever_thread(machine: FakeDriver, action: GraphSpec) -> None:
    engines = [TensorrtEngine(plan_of(action), "graph", action, urgent=False)]
    engines[0].run(inputs_of(action, 0))
    assert machine.live > 0

    def drop() -> None:
        engines.clear()
        gc.collect()

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join(PATIENCE_S)
    assert machine.live == 0
