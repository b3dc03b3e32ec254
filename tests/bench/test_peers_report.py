"""What the report of a contest says, and what it must not keep to itself."""

from dataclasses import replace
from pathlib import Path

from bench.peers import report
from bench.peers.contest import Setup, Trial, trials
from bench.peers.series import middle
from bench.peers.stacks import write_robot
from bench.peers.timing import Aftermath, Age, Beat, Reaction
from bench.peers.trial import Figures
from interfaces.robot_config import load_robot

OURS = Trial("forerun", "fifo", "usual", 200.0, loaded=True)
THEIRS = Trial("lerobot", "async", "usual", 100.0, loaded=True)
FIGURES = Figures(
    commands=1000,
    beat=Beat(rate_hz=200.0, p50_ms=0.01, p99_ms=0.1, p999_ms=0.5, max_ms=1.0),
    age=Age(p50_ms=50.0, p95_ms=60.0, p99_ms=70.0),
    reaction=Reaction(events=10, p50_ms=40.0, p95_ms=45.0, max_ms=50.0),
    aftermath=Aftermath(commands_ended_ms=None, silence_ms=5.0, at_rest_ms=20.0),
    cpu_ratio=0.1,
    memory_mb=70.0,
    start_s=0.5,
)


def test_where_peers_are_better_names_every_figure_and_nothing_else() -> None:
    worse = replace(FIGURES, beat=Beat(100.0, 0.1, 5.0, 8.0, 9.0), cpu_ratio=0.3)
    assert report.where_peers_are_better({OURS: FIGURES, THEIRS: worse}) == []
    better = replace(worse, start_s=0.25, age=Age(49.0, 80.0, 90.0))
    (line,) = report.where_peers_are_better({OURS: FIGURES, THEIRS: better})
    assert line.startswith("- lerobot async 100 Hz, all cores busy: ")
    assert line.endswith("age p50 49 ms (50), start 0.25 s (0.50)")


def test_a_peer_is_held_against_the_same_load_and_tuning_at_the_nearest_rate() -> None:
    ours = [replace(OURS, rate_hz=rate_hz) for rate_hz in (100.0, 200.0)]
    others = [replace(OURS, tuning="freshest"), replace(OURS, loaded=False), replace(OURS, mode="no fifo")]
    results = dict.fromkeys([*others, *ours], FIGURES)
    assert report.rival(THEIRS, results) == ours[0]
    assert report.rival(replace(THEIRS, rate_hz=30.0), results) == ours[0]
    assert report.rival(replace(THEIRS, loaded=False), {OURS: FIGURES}) is None


def test_factors_tell_how_much_larger_the_peer_is() -> None:
    theirs = replace(FIGURES, beat=replace(FIGURES.beat, p99_ms=2.0))
    row = report.factors({OURS: FIGURES, THEIRS: theirs}).splitlines()[-1]
    assert row == "| lerobot async 100 Hz, all cores busy | 200 Hz | 20.0x | 1.0x | 1.0x | 1.0x |"


def test_the_table_tells_what_came_after_the_kill() -> None:
    ends = replace(FIGURES, aftermath=Aftermath(400.0, 1600.0, 300.0))
    dies = replace(FIGURES, aftermath=Aftermath(0.0, 2000.0, 0.0))
    table = report.table({OURS: FIGURES, THEIRS: ends, replace(THEIRS, mode="sync"): dies}, loaded=True)
    held, played, silent = table.splitlines()[-3:]
    assert "held from 20 ms on" in held
    assert "old actions for 400 ms" in played
    assert "silence at once" in silent


def test_trials_are_every_run_once_under_every_load() -> None:
    everything = trials(["forerun", "lerobot", "physicalai"], [False, True])
    assert len(everything) == len(set(everything)) > 30
    assert {trial.stack for trial in trials(["lerobot"], [True])} == {"lerobot"}


def test_the_robot_file_of_a_trial_is_one_that_forerun_takes(tmp_path: Path) -> None:
    setup = Setup("port", 30.0, 20.0, 30.0, 1234, mode="fifo", tuning="usual", rate_hz=200.0)
    write_robot(tmp_path / "usual.toml", setup)
    usual = load_robot(tmp_path / "usual.toml")
    write_robot(tmp_path / "freshest.toml", replace(setup, tuning="freshest", mode="no fifo"))
    freshest = load_robot(tmp_path / "freshest.toml")
    assert (usual.arm.rate_hz, usual.arm.port, usual.runtime.realtime) == (200.0, "port", "required")
    assert all(joint.position_max_rad > 3.0 for joint in usual.arm.joints)
    assert usual.cameras[0].rate_hz == 30.0
    assert freshest.runtime.realtime == "off"
    assert freshest.policy.seam_blend_ms == 0.0 < usual.policy.seam_blend_ms
    assert freshest.arm.joints[0].jerk_max_rad_s3 > usual.arm.joints[0].jerk_max_rad_s3


def test_the_median_of_runs_is_taken_figure_by_figure() -> None:
    runs = [replace(FIGURES, cpu_ratio=value, beat=replace(FIGURES.beat, p99_ms=value)) for value in (3.0, 1.0, 2.0)]
    assert middle(runs).cpu_ratio == middle(runs).beat.p99_ms == 2.0
    assert middle(runs).aftermath.held
    assert not middle([*runs, replace(FIGURES, aftermath=Aftermath(400.0, 1600.0, 300.0))]).aftermath.held


def test_the_page_names_runs_that_failed() -> None:
    written = report.parts({OURS: FIGURES}, ["lerobot sync: the bus was silent"])
    assert written[-1] == "- lerobot sync: the bus was silent"
