"""Answers to many noises, from a policy's file to a row of the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.study.draws import Draws, draws_rows, read_draws, write_draws_table
from bench.study.latency import ActionLatency, read_latency
from bench.study.table import Heading, markdown
from interfaces.errors import ConfigError
from tests.bench.study.test_rates import TRIALS

FORKS = {
    "spread_rad": 0.010, "from_mean_rad": 0.020, "from_nearest_rad": 0.030, "half_apart_rad": 0.040, "decided_ratio": 0.5,
    "left_ratio": 0.25,
}  # fmt: skip
FAST, SLOW = (ActionLatency(min_ms=p50_ms - 0.5, p50_ms=p50_ms, p99_ms=9.0) for p50_ms in (1.5, 2.0))


def draws(training_seed: int, spread_rad: float, latency: ActionLatency | None, **changes: float) -> Draws:
    return Draws(
        arm="svam", training_seed=training_seed, spread_rad={"reach": spread_rad, "choose": spread_rad},
        forks=FORKS | changes, latency=latency,
    )  # fmt: skip


def test_a_row_is_the_mean_over_training_seeds_and_the_quickest_graph() -> None:
    head, row = draws_rows([draws(0, 0.003, SLOW), draws(1, 0.005, FAST, left_ratio=0.75)])
    assert len(head) == len(row)
    assert row == ("svam", "4.0", "10.0", "20.0", "30.0", "50.0", "50.0", "1.50")


def test_what_was_not_asked_is_a_dash() -> None:
    one = Draws(arm="svam", training_seed=0, spread_rad={"reach": 0.002}, forks=None, latency=None)
    assert draws_rows([one])[1] == ("svam", "2.0", "-", "-", "-", "-", "-", "-")


def test_the_page_has_the_table_where_something_was_asked() -> None:
    heading = Heading(title="study", facts=(), about={}, against="raw")
    page = markdown(heading, TRIALS, (), [draws(0, 0.003, FAST)])
    assert "| svam | 3.0 | 10.0 | 20.0 | 30.0 | 50.0 | 25.0 | 1.50 |" in page
    assert "The mean of both ways is 40.0 mrad off either." in page
    assert "difference to raw, points" in page
    assert "many noises" not in markdown(heading, TRIALS)


def test_a_policy_s_file_is_read_and_becomes_a_line(tmp_path: Path) -> None:
    told: dict[str, Any] = {"spread_rad": {"reach": 0.001}, "forks": FORKS}
    (tmp_path / "draws.json").write_text(json.dumps(told), encoding="utf-8")
    found = read_draws(tmp_path / "draws.json", "svam", 2, FAST)
    assert found is not None
    assert (found.forks, found.training_seed) == (FORKS, 2)
    write_draws_table(tmp_path / "draws.csv", [found])
    head, line = (tmp_path / "draws.csv").read_text(encoding="utf-8").splitlines()
    assert dict(zip(head.split(","), line.split(","), strict=True)) == {
        "arm": "svam", "training_seed": "2", "spread_reach_rad": "0.001000", "action_min_ms": "1.000000",
        "action_p50_ms": "1.500000", "action_p99_ms": "9.000000", **{f"forks_{key}": f"{value:.6f}" for key, value in FORKS.items()},
    }  # fmt: skip


def test_nothing_there_is_none_and_damage_is_told(tmp_path: Path) -> None:
    assert read_draws(tmp_path / "draws.json", "svam", 0, None) is None
    assert read_latency(tmp_path / "latency.json") is None
    (tmp_path / "draws.json").write_text('{"spread_rad": {}}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"draws\.json: .*forks.*; expected answers of a policy"):
        read_draws(tmp_path / "draws.json", "svam", 0, None)
    (tmp_path / "latency.json").write_text('{"min_ms": 1}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"latency\.json: .*; expected durations of an action graph"):
        read_latency(tmp_path / "latency.json")
