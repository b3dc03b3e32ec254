"""The table: success, interval, spread and difference, of a study that can be reckoned by hand."""

from __future__ import annotations

from bench.study.held_out import HeldOut
from bench.study.table import Heading, markdown
from bench.study.trials import Trial
from tests.bench.study.test_rates import TRIALS

HEADING = Heading(title="so101-study", facts=("command: `forerun study`",), about={"svam": "the paper's", "raw": "VPP"})


def test_the_table_says_success_interval_spread_and_difference() -> None:
    lines = markdown(HEADING, TRIALS).splitlines()
    assert lines[0] == "# so101-study"
    assert "- command: `forerun study`" in lines
    assert "| arm | reach | push | all tasks |" in lines
    assert "| svam | 7/8 = 87.5 % (53-98) | 2/8 = 25.0 % (7-59) | 9/16 = 56.2 % (33-77) |" in lines
    assert "| svam | 56.2 % of 2 | 37.5-75.0 % | - |" in lines
    assert any(line.startswith("| raw | 37.5 % of 1 | 37.5-37.5 % | -37.5 (-73.4 to -1.6) |") for line in lines)
    assert "- **raw**: VPP" in lines


def test_an_arm_that_has_not_been_tried_in_a_task_is_a_dash() -> None:
    more = [*TRIALS, Trial(arm="new", training_seed=0, task="lift", seed=0, success_s=None)]
    assert "| new | - | - | 0/1 = 0.0 % (0-79) | 0/1 = 0.0 % (0-79) |" in markdown(HEADING, more)


def test_held_out_errors_are_means_over_training_seeds() -> None:
    looks = [
        HeldOut(
            arm="svam", training_seed=seed, off_rad=0.010 + 0.001 * seed, zeroed_off_rad=0.040, shuffled_off_rad=0.050,
            still_off_rad=0.060,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    page = markdown(HEADING, TRIALS, looks)
    assert "| svam | 10.5 (10.0-11.0) | 40.0 (40.0-40.0) | 50.0 (50.0-50.0) | 60.0 (60.0-60.0) |" in page
    assert "mrad" not in markdown(HEADING, TRIALS)
