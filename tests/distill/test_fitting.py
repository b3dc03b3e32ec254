"""The training loop: a run that was killed ends as one that was not, and what it cannot go on from it names."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from distill.compute import Compute, memory_for
from distill.fitting import Figures, FitRecipe, Surroundings, batch_of, fit, normal_like
from interfaces.errors import ConfigError, ForerunError

RECIPE = FitRecipe(
    steps=12, batch_size=4, learning_rate_ratio=1e-2, weight_decay_ratio=0.0, average_ratio=0.9, warm_up_steps=2,
    checkpoint_every_s=0.0, look_every_s=1000.0, seed=1,
)  # fmt: skip


class Line:
    """Learns y = 2 x."""

    name = "line"

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = nn.Linear(1, 1)
        self.hot: tuple[nn.Module, ...] = ()
        self.scale = 2.0

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the squared error of a random batch."""
        x = normal_like(torch.zeros(4, 1), draw) + batch_of(3, 4, draw)[:, None]
        return (network(x) - self.scale * x).square().mean()

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return the slope."""
        return {"slope": float(network(torch.ones(1, 1)) - network(torch.zeros(1, 1))), "step_seen": float(step)}


def around(folder: Path, progress: Callable[[int, int, str], None] = lambda _done, _total, _text: None) -> Surroundings:
    return Surroundings(
        compute=Compute(torch.device("cpu"), bf16=False), folder=folder, sizes={"dim": 1},
        report=lambda _name, _step, _figures: None, progress=progress,
    )  # fmt: skip


def weights(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


class KilledError(Exception):
    pass


def killed_at(step: int) -> Callable[[int, int, str], None]:
    def progress(done: int, _total: int, _text: str) -> None:
        if done > step:
            raise KilledError

    return progress


def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = fit(Line(), RECIPE, around(tmp_path / "whole"))
    for step in (3, 7):
        with pytest.raises(KilledError):
            fit(Line(), RECIPE, around(tmp_path / "killed", killed_at(step)))
    resumed = fit(Line(), RECIPE, around(tmp_path / "killed"))
    torch.testing.assert_close(weights(resumed), weights(whole), atol=0, rtol=0)


def test_it_goes_on_after_sigkill(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from dataclasses import replace; import test_fitting as t;"
        "t.fit(t.Line(), replace(t.RECIPE, steps=10**9), t.around(Path(sys.argv[2]),"
        " lambda done, _total, _text: print(done, flush=True)))"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program, str(Path(__file__).parent), str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.stdout is not None
    with run:
        for line in run.stdout:
            if int(line) >= 20:
                break
        run.send_signal(signal.SIGKILL)
    done: list[int] = []

    def first_step(step: int, _total: int, _text: str) -> None:
        done.append(step)
        raise KilledError

    with pytest.raises(KilledError):
        fit(Line(), replace(RECIPE, steps=10**9), around(tmp_path, first_step))
    assert done[0] >= 20  # each step is saved: at most the one that was running is lost


def test_it_learns_and_tells(tmp_path: Path) -> None:
    told: list[Figures] = []

    def report(_name: str, _step: int, figures: Figures) -> None:
        told.append(figures)

    recipe = replace(RECIPE, steps=300, checkpoint_every_s=1000.0, learning_rate_ratio=5e-2)
    fit(Line(), recipe, replace(around(tmp_path), report=report))
    assert len(told) == 1
    assert told[0]["slope"] == pytest.approx(2.0, abs=0.1)
    assert told[0]["step_seen"] == 300


def test_a_state_of_other_sizes_is_named(tmp_path: Path) -> None:
    fit(Line(), RECIPE, around(tmp_path))
    with pytest.raises(ConfigError, match=r"line\.state: dim is 1; expected 2, as in the recipe"):
        fit(Line(), RECIPE, replace(around(tmp_path), sizes={"dim": 2}))


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    fit(Line(), RECIPE, around(tmp_path))
    state = tmp_path / "line.state"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(ConfigError, match=r"line\.state: it cannot be read .*delete it"):
        fit(Line(), RECIPE, around(tmp_path))


def test_a_half_written_state_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "line.state.half").write_bytes(b"half")
    fit(Line(), RECIPE, around(tmp_path))
    assert (tmp_path / "line.state").stat().st_size > 100


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    job = Line()
    job.scale = float("nan")
    with pytest.raises(ForerunError, match="line: the loss is nan at step 0"):
        fit(job, RECIPE, around(tmp_path))
    assert not (tmp_path / "line.state").exists()


class Cliff(Line):
    """Has a loss, and no slope, from the third step on."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    @override
    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        self.steps += 1
        loss = super().loss(network, draw)
        return loss if self.steps < 3 else loss + (0.0 * loss).sqrt()  # infinitely steep, times nothing


def test_a_gradient_that_is_no_number_becomes_no_weight(tmp_path: Path) -> None:
    with pytest.raises(ForerunError, match="line: the gradient is nan at step 2"):
        fit(Cliff(), RECIPE, around(tmp_path))
    saved = torch.load(tmp_path / "line.state", weights_only=True)
    assert all(torch.isfinite(value).all() for value in saved["network"].values())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
        MemoryError("9 bytes"),
    ],
)
def test_too_little_memory_is_one_clear_line(error: Exception) -> None:
    with pytest.raises(ForerunError, match=r"video: out of memory .*lower batch_size"), memory_for("video"):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), memory_for("video"):
        raise RuntimeError("shapes differ")
