"""Two processes train one network: from different batches, with one set of weights; what one of them cannot do alone is said in a line."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from distill.compute import Compute, choose_compute
from distill.fitting import Figures, FitRecipe, Surroundings, fit, normal_like
from distill.processes import Alone, refuse_company
from interfaces.errors import ForerunError

several = pytest.mark.skipif(find_spec("accelerate") is None, reason="several processes are joined by accelerate")
REPOSITORY = Path(__file__).parents[2]
RECIPE = FitRecipe(
    steps=60, batch_size=4, learning_rate_ratio=3e-2, weight_decay_ratio=0.0, average_ratio=0.5, warm_up_steps=2,
    checkpoint_every_s=0.0, look_every_s=1000.0, seed=1,
)  # fmt: skip


class Line:
    """Learns y = 2 x, with dropout, and remembers what it drew."""

    name = "line"

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.1), nn.Linear(8, 1))
        self.hot: tuple[nn.Module, ...] = ()
        self.drawn: list[float] = []
        self.losses: list[float] = []

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the squared error of a random batch."""
        x = normal_like(torch.zeros(4, 1), draw)
        self.drawn.append(float(x[0]))
        loss = (network(x) - 2.0 * x).square().mean()
        self.losses.append(float(loss.detach()))
        return loss

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return nothing of interest."""
        del network
        return {"step_seen": float(step)}


class BothLines(Line):
    """What two processes should come to: in one, with the mean loss of the batches that each of them draws."""

    def __init__(self, compute: Compute) -> None:
        super().__init__()
        self._compute, self._step = compute, 0

    @override
    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the mean of both."""
        del draw
        losses: list[Tensor] = []
        for seeds in ((1, self._step), (1, self._step, 1)):
            own = self._compute.generator(*seeds)
            torch.manual_seed(own.initial_seed())
            losses.append(super().loss(network, own))
        self._step += 1
        return torch.stack(losses).mean()


def around(folder: Path, compute: Compute, progress: Callable[[int, int, str], None]) -> Surroundings:
    def report(name: str, step: int, figures: Figures) -> None:
        with (folder / "reports.jsonl").open("a") as file:
            file.write(json.dumps([name, step, figures]) + "\n")

    return Surroundings(compute=compute, folder=folder, sizes={"dim": 1}, report=report, progress=progress)


def main(folder: Path, steps: int) -> None:
    """Train as one of the processes that the environment tells of, and leave behind what came of it."""
    compute, job = choose_compute(threads=1), Line()
    rank = compute.processes.rank
    with compute.processes.first_alone("warming up"):
        (folder / "order.txt").open("a").write(f"{rank}\n")

    def progress(done: int, _total: int, _text: str) -> None:
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()

    try:
        trained = fit(job, replace(RECIPE, steps=steps), around(folder, compute, progress))
    except ForerunError as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(2)  # as a process whose companion is gone: it cannot take leave of it
    torch.save({"weights": trained.state_dict(), "drawn": job.drawn, "losses": job.losses}, folder / f"{rank}.pt")
    compute.processes.leave()


def program(folder: Path, steps: int) -> list[str]:
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(REPOSITORY)!r}]; from pathlib import Path;"
        f"import test_processes as t; t.main(Path({str(folder)!r}), {steps})"
    )
    file = folder / "program.py"
    file.write_text(code)
    return [str(file)]


@contextmanager
def two(folder: Path, steps: int) -> Generator[list[subprocess.Popen[str]]]:
    """Start two processes by hand, as torchrun would: it would also end the second when the first dies."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, *program(folder, steps)], cwd=REPOSITORY, text=True,
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


@several
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, *program(tmp_path, RECIPE.steps)], cwd=REPOSITORY, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ranks = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for name, value in ranks[0]["weights"].items():
        torch.testing.assert_close(ranks[1]["weights"][name], value, atol=0, rtol=0)
    assert not set(ranks[0]["drawn"]) & set(ranks[1]["drawn"])
    for rank in ranks:
        assert sum(rank["losses"][-10:]) < 0.3 * sum(rank["losses"][:10])
    assert len((tmp_path / "reports.jsonl").read_text().splitlines()) == 1  # the first alone tells
    assert (tmp_path / "order.txt").read_text() == "0\n1\n"

    (tmp_path / "one").mkdir()
    compute = Compute(torch.device("cpu"), bf16=ranks_bf16())
    alone = fit(BothLines(compute), RECIPE, around(tmp_path / "one", compute, lambda _done, _total, _text: None))
    for name, value in alone.state_dict().items():  # averaged gradients are gradients of the averaged loss
        torch.testing.assert_close(ranks[0]["weights"][name], value, atol=1e-3, rtol=1e-2)


def ranks_bf16() -> bool:
    return choose_compute(threads=torch.get_num_threads()).bf16


@several
def test_when_one_is_killed_the_other_says_so_and_its_work_is_kept(tmp_path: Path) -> None:
    killed_at_20(tmp_path)
    done: list[int] = []

    def progress(step: int, _total: int, _text: str) -> None:
        done.append(step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Line(), replace(RECIPE, steps=10**9), around(tmp_path, choose_compute(torch.get_num_threads()), progress))
    assert done[0] >= 20  # each step is saved: at most the one that was running is lost


@several
@pytest.mark.slow
def test_both_go_on_together(tmp_path: Path) -> None:
    killed_at_20(tmp_path)
    with two(tmp_path, 10**9) as (first, _second):
        assert first.stdout is not None
        again = [int(line) for line in itertools.islice(first.stdout, 1)]
        assert again, first.communicate()[1]
        assert again[0] >= 20


def killed_at_20(folder: Path) -> None:
    with two(folder, 10**9) as (first, second):
        assert first.stdout is not None
        for line in first.stdout:
            if line.strip().isdigit() and int(line) >= 20:
                break
        second.kill()
        told = first.communicate()[1]
        assert first.returncode == 2, told
        assert "line: another process of this run ended" in told.strip().splitlines()[-1]
        assert "start the same command again" in told


def test_one_process_needs_no_accelerate() -> None:
    assert isinstance(choose_compute(threads=torch.get_num_threads()).processes, Alone)
    program = (
        "import sys; sys.modules['accelerate'] = None; from distill.compute import choose_compute; choose_compute(1)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


def test_a_family_of_one_process_refuses_company(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_company("small")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    with pytest.raises(ForerunError, match="'small' trains in one process"):
        refuse_company("small")


def test_without_accelerate_several_processes_are_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    with pytest.raises(ForerunError, match="pip install accelerate"):
        choose_compute(threads=torch.get_num_threads())
