"""Random sequences of faults on the simulated arm's physics, on a virtual clock: is a limit ever violated, does the arm ever not stop?

    python -m bench.fault_sequences --sequences 1000 --seed 0 --jobs 2
    python -m bench.fault_sequences --only 42

A sequence is some seconds with up to a dozen faults of policy, bus, motors, operator and loop (bench/faults/script.py); then
everything is mended, cleared, and the arm must follow again. What must hold is in bench/faults/watch.py. The exit status is 1 on
a violation; its script is printed, and `--only SEED` plays it again.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bench.faults.limits import rest_max_ns, worst_of
from bench.faults.script import draw_script
from bench.faults.trial import OVERSHOOT_RAD, OVERSHOOT_RAD_S, Result, Trial
from interfaces.robot_config import RobotConfig, load_robot
from sim.world import World

ROBOT_FILE = Path(__file__).parents[1] / "robots" / "simulated.toml"
_AT_A_TIME = 10  # sequences that share one world


def run_sequences(seeds: Iterable[int], robot: RobotConfig) -> Iterator[Result]:
    """Play the sequences of some seeds, one after the other."""
    world = World()
    for seed in seeds:
        yield Trial(robot, world, seed, draw_script(seed)).run()


def report(results: list[Result], robot: RobotConfig) -> str:
    """Return the table for people."""
    faults = Counter(event.fault.name for result in results for event in result.events)
    states: Counter[str] = Counter()
    for result in results:
        states.update(result.findings.periods)
    worst = worst_of(*(result.findings.commanded for result in results))
    recovered_ms = np.array([result.recovered_ms for result in results])
    physics = [result.physics for result in results]
    free, other = (sum(getattr(one, key) for one in physics) for key in ("free_periods", "other_periods"))
    rows = [
        ("sequences", f"{len(results)}"),
        ("violations", f"{sum(len(result.violations) for result in results)}"),
        ("faults", f"{sum(faults.values())}: " + ", ".join(f"{name} {n}" for name, n in sorted(faults.items()))),
        ("periods", f"{sum(states.values())}: " + ", ".join(f"{name} {n}" for name, n in sorted(states.items()))),
        ("commands, worst", worst.line()),
        ("longest way to rest", _rest_line(results, robot)),
        (
            "following again after mending",
            f"median {np.median(recovered_ms):.0f} ms, longest {recovered_ms.max():.0f} ms",
        ),
        (
            "physics, worst",
            f"{max(one.outside_rad for one in physics):.4f} rad outside (tolerated {OVERSHOOT_RAD}),"
            f" {max(one.velocity_over_rad_s for one in physics):.3f} rad/s above (tolerated {OVERSHOOT_RAD_S}),"
            f" in {free} free periods; {other} unpowered, falling or in contact",
        ),
    ]
    return "\n".join(f"| {name} | {value} |" for name, value in [("what", "figures"), ("---", "---"), *rows])


def _rest_line(results: list[Result], robot: RobotConfig) -> str:
    longest_ms = max(result.findings.rest_max_ms for result in results)
    return f"{longest_ms:.0f} ms, bound {rest_max_ns(robot.arm) / 1e6:.0f} ms"


def _play(seeds: list[int]) -> list[Result]:
    return list(run_sequences(seeds, load_robot(ROBOT_FILE)))


def _run(seeds: list[int], jobs: int) -> Iterator[Result]:
    parts = [seeds[i : i + _AT_A_TIME] for i in range(0, len(seeds), _AT_A_TIME)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from itertools.chain.from_iterable(pool.imap_unordered(_play, parts))


def main() -> int:
    """Play them, print the table, and each violation with its script."""
    parser = argparse.ArgumentParser(prog="bench.fault_sequences", description="Random sequences of faults.")
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first; each sequence has the next")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, metavar="SEED", help="play this one again, and print its script")
    arguments = parser.parse_args()
    if arguments.only is None:
        results = list(_run(list(range(arguments.seed, arguments.seed + arguments.sequences)), arguments.jobs))
    else:
        results = _play([arguments.only])
    failed = [result for result in results if result.violations]
    for result in results if arguments.only is not None else failed:
        _say(f"seed {result.seed}:", *(event.line() for event in result.events), *result.violations)
    _say(report(results, load_robot(ROBOT_FILE)))
    return 1 if failed else 0


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
