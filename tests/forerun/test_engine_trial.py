"""An engine on trial is opened as the runtime opens it: the action's ahead of the foresight's on the GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.engines.child import Watch
from export.engines.trial import TimingPlan, TrialRequest
from export.engines.trial_process import run_trial
from forerun.build import TRIAL_COMMAND
from forerun.engine_trial import open_plan
from interfaces.bundle_manifest import GraphSpec
from interfaces.errors import DeviceError
from interfaces.progress import silent
from runtime.tensorrt.probe import Missing, probe

_HERE = probe()
DRIVERLESS = isinstance(_HERE, Missing) and "NVIDIA driver" in _HERE.why
NO_TENSORS = GraphSpec(inputs=(), outputs=())


@pytest.mark.parametrize(("graph", "urgent"), [("action", True), ("foresight", False)])
def test_the_action_goes_ahead(graph: str, urgent: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    opened: list[tuple[bytes, str, bool]] = []

    def engine(plan: bytes, name: str, _spec: GraphSpec, *, urgent: bool) -> None:
        opened.append((plan, name, urgent))

    monkeypatch.setattr("runtime.tensorrt.engine.TensorrtEngine", engine)
    open_plan(b"plan", graph, NO_TENSORS)
    assert opened == [(b"plan", graph, urgent)]


@pytest.mark.skipif(not DRIVERLESS, reason="this machine has an NVIDIA driver")
def test_where_there_is_no_gpu_the_process_says_so(tmp_path: Path) -> None:
    (tmp_path / "engine.plan").write_bytes(b"plan")
    request = TrialRequest(
        name="action fp16",
        graph="action",
        plan=tmp_path / "engine.plan",
        spec=NO_TENSORS,
        inputs={},
        timing=TimingPlan(),
    )
    with pytest.raises(DeviceError, match="NVIDIA driver"):
        run_trial(request, tmp_path, Watch(command=TRIAL_COMMAND, progress=silent, clock_ns=lambda: 0))
