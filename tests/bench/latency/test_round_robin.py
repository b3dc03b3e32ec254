"""Contenders take turns, all on the same rotating inputs, and what was measured is who it was measured of."""

import gc
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.latency.contender import Contender, Rows, require_same
from bench.latency.round_robin import BLOCK, SETTLING, WARM_UP, Measured, measure
from interfaces.engine import Tensors
from interfaces.errors import RefusedError

ROWS: Rows = [{"x": np.full(2, float(i), np.float32)} for i in range(7)]


class Diary:
    """Notes who ran on what."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, float]] = []

    def contender(self, name: str, precision: str = "fp32", off: float = 0.0, pause_s: float = 0.0) -> Contender:
        def run(row: Tensors) -> NDArray[Any]:
            self.runs.append((name, float(row["x"][0])))
            time.sleep(pause_s)
            return row["x"] + np.float32(off)

        return Contender(graph="action", name=name, precision=precision, run=run, file_bytes=1, memory_command=())


def test_every_block_belongs_to_one_and_each_round_begins_with_another() -> None:
    diary = Diary()
    told: list[tuple[int, int, str]] = []

    def tell(done: int, total: int, text: str) -> None:
        told.append((done, total, text))

    measured = measure([diary.contender(name) for name in "abc"], ROWS, 2 * BLOCK + 1, tell)
    after = diary.runs[3 * WARM_UP :]
    blocks = [after[start : start + SETTLING + BLOCK] for start in range(0, len(after), SETTLING + BLOCK)]
    assert [{name for name, _ in block} for block in blocks] == [{name} for name in "abcbcacab"]
    for i_round in range(3):
        inputs = [[x for _, x in block] for block in blocks[3 * i_round : 3 * i_round + 3]]
        assert inputs[0] == inputs[1] == inputs[2]
    assert len({x for _, x in diary.runs}) == len(ROWS)
    assert [each.durations_ms.shape for each in measured] == [(3, BLOCK)] * 3  # asked for 21: whole blocks
    assert told == [(1, 3, "action"), (2, 3, "action"), (3, 3, "action")]
    assert gc.isenabled()


def test_durations_are_those_of_the_contender_whose_they_are_said_to_be() -> None:
    diary = Diary()
    slow, fast = measure([diary.contender("slow", pause_s=0.02), diary.contender("fast")], ROWS, BLOCK)
    assert (slow.contender.name, fast.contender.name) == ("slow", "fast")
    assert slow.durations_ms.min() >= 20.0
    assert fast.speed_against(slow)[0] > 1.0
    assert slow.cpu_ms < slow.p50_ms  # it slept


def test_ratios_are_taken_within_rounds() -> None:
    contender = Diary().contender("any")
    load = np.array([1.0, 10.0, 100.0])[:, None] * np.ones((3, BLOCK))  # what hits both alike
    other = Measured(contender=contender, durations_ms=2.0 * load, processor_ms=np.ones(3))
    mine = Measured(contender=contender, durations_ms=load, processor_ms=np.ones(3))
    assert mine.speed_against(other) == (2.0, 2.0, 2.0)
    assert (other.p50_ms, other.max_ms) == (20.0, 200.0)
    assert other.p99_ms == pytest.approx(200.0)


def test_another_policy_is_not_compared() -> None:
    diary = Diary()
    same = [
        diary.contender("forerun"),
        diary.contender("torch eager", off=1e-4),
        diary.contender("forerun", "cpu-int8", 0.5),
    ]
    require_same(same, ROWS, 2e-3)
    with pytest.raises(RefusedError, match=r"action: torch eager is off forerun by 0\.5, at most 0\.002 is allowed"):
        require_same([diary.contender("forerun"), diary.contender("torch eager", off=0.5)], ROWS, 2e-3)
