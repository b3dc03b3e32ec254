"""Held-out errors come from the last look of the expert's training, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.study.held_out import HeldOut, read_held_out
from interfaces.errors import ConfigError

LOOK = '{"stage": "expert", "step": %d, "loss": 1.0, "off_mrad": %f, "zeroed_off_mrad": 4, "shuffled_off_mrad": 5, "still_off_mrad": 6}\n'


def test_the_last_look_counts(tmp_path: Path) -> None:
    (tmp_path / "figures.jsonl").write_text(
        '{"stage": "students", "step": 9, "loss": 1.0}\n' + LOOK % (1, 3.0) + LOOK % (2, 2.0), encoding="utf-8"
    )
    assert read_held_out(tmp_path / "figures.jsonl", "svam", 1) == HeldOut(
        arm="svam", training_seed=1, off_rad=0.002, zeroed_off_rad=0.004, shuffled_off_rad=0.005, still_off_rad=0.006
    )


def test_an_arm_of_another_has_none(tmp_path: Path) -> None:
    assert read_held_out(tmp_path / "figures.jsonl", "svam-10-steps", 0) is None


@pytest.mark.parametrize("text", ["", "half a li", '{"stage": "expert", "step": 1}\n'])
def test_a_file_without_a_look_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "figures.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"figures\.jsonl: .*expected a look of the expert"):
        read_held_out(tmp_path / "figures.jsonl", "svam", 0)
